/** Exact number: a rounded number whose tooltip and `value` have every digit. */

import { make } from "../sdk/dom.js";
import { exactDigits, formatNumber } from "../sdk/number-format.js";

/**
 * Make a <data> element.
 * @param {number} value
 * @param {string} dtype `float32` or `float64`: its digits are the fewest that parse to the same value.
 * @param {string} [text] Visible text; three significant digits where left out.
 */
export function exactNumber(value, dtype, text = formatNumber(value)) {
  const digits = exactDigits(value, dtype);
  return make("data", { class: "number", value: digits, title: digits }, text);
}
