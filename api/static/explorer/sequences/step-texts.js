/** Step texts: the input of each step in a few characters, to stand over a column. */

import { stepsOf } from "./sequence-kind.js";

/**
 * Symbols of a sequence; of rows of numbers there are none.
 * @param {import("../context.js").Model} model
 * @param {string} sequence
 * @returns {string[]}
 */
export function stepTexts(model, sequence) {
  return stepsOf(model, sequence).map((step) => (Array.isArray(step) ? "" : step));
}
