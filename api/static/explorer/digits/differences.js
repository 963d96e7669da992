/** Differences: how far two answers are apart, value by value and channel by channel. */

import { Tensor } from "/sdk/tensor.js";
import { statsOf } from "./channel-tensor.js";

/**
 * Return the second minus the first, exactly: the difference of two float32 fits in float64.
 * @param {ArrayLike<number>} first
 * @param {ArrayLike<number>} second
 */
export function difference(first, second) {
  return Float64Array.from(second, (value, at) => value - first[at]);
}

/**
 * Make a tensor of differences, coloured about zero.
 * @param {Tensor} like What the values are differences of.
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
 * Return the mean absolute difference of every channel, the largest first.
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
 * Return the largest magnitude; 1 where all are zero, so that there is a range at all.
 * @param {ArrayLike<number>} values
 */
export function largest(values) {
  let most = 0;
  for (let at = 0; at < values.length; at += 1) most = Math.max(most, Math.abs(values[at]));
  return most || 1;
}
