/**
 * Computation: how the values of a layer come about, position by position, with what is drawn of it.
 *
 * @typedef {object} Material What a computation reads.
 * @property {import("../../context.js").Model} model
 * @property {import("../../context.js").Layer} layer
 * @property {number} channel
 * @property {import("../../../sdk/tensor.js").Tensor} read Values that the layer reads.
 * @property {import("../../../sdk/tensor.js").Tensor} made Values of the layer.
 * @property {Weights | null} weights Null for layers without.
 * @property {import("../../../sdk/client.js").Prediction} prediction
 * @property {Map<string, import("../../../sdk/colours.js").Table>} tables
 * @property {(position: number) => void} go Moves to a position that is chosen.
 */

/**
 * @typedef {object} Weights
 * @property {import("../../../sdk/tensor.js").Tensor} kernel
 * @property {ArrayLike<number> | null} biases Null for a layer without.
 */

/**
 * @typedef {object} Computation
 * @property {string} title
 * @property {string} says How it computes, in a sentence.
 * @property {HTMLElement} element
 * @property {number} count Positions; each makes one value.
 * @property {number} columns Positions of a row.
 * @property {(position: number) => void} show
 * @property {(position: number) => string} describe Place and value in words.
 */

import { rangeOf } from "../../../sdk/colours.js";
import { make } from "../../../sdk/dom.js";
import { exactDigits } from "../../../sdk/number-format.js";
import { exactNumber } from "../../exact-number.js";

/**
 * Values up to a position; those after it are not computed yet.
 * @param {ArrayLike<number>} values
 * @param {number} position
 */
export function filled(values, position) {
  return Float64Array.from(values).fill(NaN, position + 1);
}

/**
 * Colours of one channel of a tensor.
 * @param {Material["tables"]} tables
 * @param {import("../../../sdk/tensor.js").Tensor} tensor
 * @param {number} [channel]
 */
export function coloursOf(tables, tensor, channel) {
  const range = rangeOf(tensor, channel);
  return { ...range, table: /** @type {import("../../../sdk/colours.js").Table} */ (tables.get(range.map)) };
}

/** Place of a position in a map. @param {number} position @param {number} columns */
export function placeOf(position, columns) {
  return { y: Math.floor(position / columns), x: position % columns };
}

/** Box of a single value. @param {{ y: number, x: number }} place */
export function boxOf({ y, x }) {
  return { top: y, bottom: y, left: x, right: x };
}

/** Every digit of a float32, with the minus sign U+2212. @param {number} value */
export function digits(value) {
  return exactDigits(value, "float32").replace("-", "−");
}

/** Float32 value of the layer itself, as the server's answer has it. @param {string} words @param {number} value */
export function result(words, value) {
  return make("p", { class: "forward-result" }, `${words} `, exactNumber(value, "float32", digits(value)));
}
