/** Second digit of the comparison: a test sample, or the pixels of an earlier current digit. */

import { pixelsFromText, pixelsToText } from "./pixels-text.js";

/** @typedef {import("/sdk/client.js").Image} Image */
/** @typedef {import("../state.js").State} State */

/**
 * Input of the second digit. A sample is preprocessed like the first digit; held pixels are
 * preprocessed already.
 * @param {import("/sdk/client.js").Lightwell} lightwell
 * @param {State} state
 * @param {AbortSignal} signal
 * @returns {Promise<{ input: Image, preprocess: string }>}
 */
export async function secondInput(lightwell, state, signal) {
  if (state.otherPixels) {
    const input = pixelsFromText(state.otherPixels);
    if (!input) throw new Error("The second digit in the link cannot be read.");
    return { input, preprocess: "none" };
  }
  const response = await lightwell.request(`/samples/${state.otherSample}.png`, { signal });
  return { input: await response.blob(), preprocess: state.preprocess };
}

/** Whether there is a second digit. @param {State} state */
export function hasSecond({ otherPixels, otherSample }) {
  return otherPixels !== "" || otherSample >= 0;
}

/**
 * State values that swap the first and the second digit.
 * @param {State} state
 * @param {number[][]} pixels Input of the network for the first digit.
 * @returns {Partial<State>}
 */
export function swapped(state, pixels) {
  const isSample = !state.pixels && !state.strokes && state.sample >= 0;
  return {
    sample: state.otherSample,
    pixels: state.otherPixels,
    strokes: "",
    otherSample: isSample ? state.sample : -1,
    otherPixels: isSample ? "" : pixelsToText(pixels),
  };
}
