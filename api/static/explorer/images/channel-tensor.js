/** Channel tensor: one feature map of a layer as a separate tensor. */

import { rangeOf } from "../../sdk/colours.js";
import { Tensor } from "../../sdk/tensor.js";

/**
 * Make a tensor of one channel.
 * @param {Tensor} tensor With the channel as its first axis.
 * @param {number} channel
 */
export function channelTensor(tensor, channel) {
  const values = tensor.slice(channel);
  const { map, low, high } = rangeOf(tensor, channel);
  const scope = tensor.colour?.scope === "fixed" ? "fixed" : "layer";
  return new Tensor(
    {
      name: `${tensor.name}.${channel}`,
      kind: tensor.kind,
      axes: tensor.axes.slice(1),
      coordinates: {},
      shape: tensor.shape.slice(1),
      dtype: tensor.dtype,
      stats: statsOf(values),
      colour: { map, vmin: low, vmax: high, scope },
    },
    values,
  );
}

/**
 * Statistics of values, as the server computes them for its tensors.
 * @param {import("../../sdk/tensor.js").Values} values
 * @returns {import("../../sdk/tensor.js").Stats}
 */
export function statsOf(values) {
  const all = Array.from(values).filter(Number.isFinite);
  if (!all.length) return { min: null, max: null, mean: null, std: null, zero_fraction: null };
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
  const zeros = all.filter((value) => value === 0).length / all.length;
  return {
    min: Math.min(...all),
    max: Math.max(...all),
    mean,
    std: Math.sqrt(variance),
    zero_fraction: zeros,
  };
}
