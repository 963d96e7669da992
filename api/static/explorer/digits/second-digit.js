/** Second digit: the one to compare with, a test sample or pixels that were held, and how it is posted. */

import { pixelsFromText, pixelsToText } from "./pixels-text.js";

/** @typedef {import("/sdk/client.js").Image} Image */
/** @typedef {import("../state.js").State} State */

/**
 * Return what to post for the second digit: a sample is prepared like the first digit; held pixels
 * are what a network saw and go as they are.
 * @param {import("/sdk/client.js").Lightwell} lightwell
 * @param {State} state
 * @param {AbortSignal} signal
 * @returns {Promise<{ input: Image, preprocess: string }>}
 */
export async function secondInput(lightwell, state, signal) {
  if (state.otherPixels) {
    const input = pixelsFromText(state.otherPixels);
    if (!input) throw new Error("The link holds no second digit that can be read.");
    return { input, preprocess: "none" };
  }
  const response = await lightwell.request(`/samples/${state.otherSample}.png`, { signal });
  return { input: await response.blob(), preprocess: state.preprocess };
}

/** Is there a second digit? @param {State} state */
export function hasSecond({ otherPixels, otherSample }) {
  return otherPixels !== "" || otherSample >= 0;
}

/**
 * Make the second digit the first and the first the second.
 * @param {State} state
 * @param {number[][]} seen What the network saw of the first.
 * @returns {Partial<State>}
 */
export function swapped(state, seen) {
  const isSample = !state.pixels && !state.strokes && state.sample >= 0;
  return {
    sample: state.otherSample,
    pixels: state.otherPixels,
    strokes: "",
    otherSample: isSample ? state.sample : -1,
    otherPixels: isSample ? "" : pixelsToText(seen),
  };
}
