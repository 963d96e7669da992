/** Second picture of the comparison: a test sample, or the pixels of an earlier picture. */

import { imageInput } from "../model-facts.js";
import { preprocessOf } from "./current-image.js";
import { pixelsFromText, pixelsToText } from "./pixels.js";

/** @typedef {import("../../sdk/client.js").Image} Image */
/** @typedef {import("../state.js").State} State */

/**
 * Input of the second picture. A sample is prepared like the first digit; held pixels are prepared already.
 * @param {import("../context.js").Context} context
 * @param {AbortSignal} signal
 * @returns {Promise<{ input: Image, preprocess: string | null }>}
 */
export async function secondInput({ lightwell, store, model }, signal) {
  const { state } = store;
  if (state.otherPixels) {
    const input = pixelsFromText(state.otherPixels, imageInput(model));
    if (!input) throw new Error("The second picture in the link cannot be read.");
    return { input, preprocess: "none" };
  }
  const response = await lightwell.request(`/samples/${state.otherSample}.png`, { signal });
  return { input: await response.blob(), preprocess: preprocessOf(model, state) };
}

/** Whether there is a second picture. @param {State} state */
export function hasSecond({ otherPixels, otherSample }) {
  return otherPixels !== "" || otherSample >= 0;
}

/**
 * State values that swap the first and the second picture.
 * @param {State} state
 * @param {import("./pixels.js").Pixels} pixels Input of the network for the first picture.
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
