/** Exact: a number that is read rounded and holds every digit, for whoever points at it. */

import { make } from "/sdk/elements.js";
import { readable } from "/sdk/numbers.js";
import { shortest } from "/sdk/tensor.js";

/**
 * Write a number.
 * @param {number} value
 * @param {string} dtype `float32`: as few digits as give it again; `float64` likewise.
 * @param {string} [text] How it is read; three digits where left out.
 */
export function exact(value, dtype, text = readable(value)) {
  const digits = shortest(value, dtype);
  return make("data", { class: "number", value: digits, title: digits }, text);
}
