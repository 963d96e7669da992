/** Differences between two answers, by value and by channel. */

import { Tensor } from "../../sdk/tensor.js";
import { statsOf } from "./channel-tensor.js";

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
