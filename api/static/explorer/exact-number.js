/** Exact: a number that is read rounded and holds every digit, for whoever points at it. */

import { make } from "/sdk/dom.js";
import { exactDigits, formatNumber } from "/sdk/number-format.js";

/**
 * Write a number.
 * @param {number} value
 * @param {string} dtype `float32`: as few digits as give it again; `float64` likewise.
 * @param {string} [text] How it is read; three digits where left out.
 */
export function exactNumber(value, dtype, text = formatNumber(value)) {
  const digits = exactDigits(value, dtype);
  return make("data", { class: "number", value: digits, title: digits }, text);
}
