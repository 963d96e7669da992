/** Differences between two answers, by value and by channel. */

import { rangeOf } from "../../sdk/colours.js";
import { Tensor } from "../../sdk/tensor.js";
import { statsOf } from "../images/channel-tensor.js";

/**
 * Second minus first in float64, which rounds the difference of two float32 values hardly or not at all.
 * @param {ArrayLike<number>} first
 * @param {ArrayLike<number>} second
 */
export function difference(first, second) {
  return Float64Array.from(second, (value, at) => value - first[at]);
}

/**
 * Make a tensor of differences, with colours symmetric about zero.
 * @param {Tensor} like Tensor that gives name, axes and shape.
 * @param {Float64Array} values
 */
export function differenceTensor(like, values) {
  const most = largest(values);
  const name = `${like.name}.difference`;
  const colour = /** @type {const} */ ({ map: "RdBu", vmin: -most, vmax: most, scope: "layer" });
  return new Tensor(
    { ...like.description, name, kind: "difference", dtype: "float64", stats: statsOf(values), colour },
    values,
  );
}

/**
 * Mean absolute difference of every channel, in descending order.
 * @param {Tensor} first
 * @param {Tensor} second
 * @returns {{ channel: number, mean: number, values: Float64Array }[]}
 */
export function byChannel(first, second) {
  const channels = Array.from({ length: first.shape[0] }, (_, channel) => {
    const values = difference(first.slice(channel), second.slice(channel));
    const mean = values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
    return { channel, mean, values };
  });
  return channels.sort((one, other) => other.mean - one.mean);
}

/**
 * Largest magnitude; 1 where all values are zero, so that a colour range is never empty.
 * @param {ArrayLike<number>} values
 */
export function largest(values) {
  let most = 0;
  for (let at = 0; at < values.length; at += 1) most = Math.max(most, Math.abs(values[at]));
  return most || 1;
}

/**
 * Colour range that two tensors share, so that equal colours are equal values; symmetric about zero where one is signed.
 * @param {Tensor} one
 * @param {Tensor} other
 * @param {number[]} [at] Index of the channel of each, for ranges by channel.
 */
export function commonRange(one, other, at = [0, 0]) {
  const ranges = [one, other].map((tensor, side) => rangeOf(tensor, at[side]));
  const low = Math.min(...ranges.map((range) => range.low));
  const high = Math.max(...ranges.map((range) => range.high));
  if (!ranges.some(({ map }) => map === "RdBu")) return { map: ranges[0].map, low, high };
  const most = Math.max(-low, high);
  return { map: "RdBu", low: -most, high: most };
}

/**
 * Mean absolute difference and Pearson's correlation of two vectors, in words.
 * @param {ArrayLike<number>} one
 * @param {ArrayLike<number>} other
 */
export function agreement(one, other) {
  const mean = (/** @type {ArrayLike<number>} */ all) => Array.from(all).reduce((sum, value) => sum + value, 0) / all.length;
  const means = [mean(one), mean(other)];
  const moment = (/** @type {(a: number, b: number) => number} */ term) =>
    Array.from(one).reduce((sum, value, at) => sum + term(value - means[0], other[at] - means[1]), 0);
  const variances = moment((a) => a * a) * moment((_, b) => b * b);
  return {
    difference: mean(difference(one, other).map(Math.abs)),
    correlation: variances > 0 ? moment((a, b) => a * b) / Math.sqrt(variances) : NaN,
  };
}
