/** Sum line: the terms of a sum with their signs, rounded so that they add up to its total. */

import { make } from "../sdk/dom.js";
import { exactNumber } from "./exact-number.js";
import { roundedSum } from "./rounded-sum.js";

const DECIMALS = 4;

/** @typedef {{ value: number, label?: string, dtype?: string }} Term `dtype` is float64 where left out. */

/**
 * Write a sum.
 * @param {Term[]} terms
 * @param {number} total
 * @returns {HTMLElement[]}
 */
export function sumOf(terms, total) {
  const rounded = roundedSum(
    terms.map(({ value }) => value),
    total,
    DECIMALS,
  );
  const shown = rounded.terms.map((text, at) => {
    const { value, label = "", dtype = "float64" } = terms[at];
    const sign = text.startsWith("−") ? "−" : at ? "+" : "";
    const number = exactNumber(value, dtype, text.replace("−", ""));
    return make("span", { class: `term${label === "bias" ? " bias" : ""}` }, `${sign} `, number, label ? make("small", {}, label) : "");
  });
  const result = make("span", { class: "term total" }, "= ", exactNumber(total, "float64", rounded.total), make("small", {}, "sum"));
  return [...shown, result];
}

/**
 * Write the sum of products: all of a single kernel, else the total of the contributions.
 * @param {ArrayLike<number>} terms
 * @param {number | null} bias
 * @param {number} total
 * @param {boolean} isComplete Whether each term is written.
 */
export function sumLine(terms, bias, total, isComplete) {
  const all = Array.from(terms);
  const sum = all.reduce((found, one) => found + one, 0);
  const parts = isComplete ? all.map((value) => ({ value })) : [{ value: sum, label: `${all.length} contributions` }];
  return sumOf(bias === null ? parts : [...parts, { value: bias, label: "bias", dtype: "float32" }], total);
}
