/** One channel: a map of a layer as a tensor of its own, to be saved or compared. */

import { rangeOf } from "/sdk/colours.js";
import { Tensor } from "/sdk/tensor.js";

/**
 * Make a tensor of other values in place of a tensor's map.
 * @param {Tensor} tensor With a channel first.
 * @param {number} channel
 * @param {import("/sdk/tensor.js").Values} [values] The channel's own where left out.
 * @param {{ name?: string, kind?: string }} [called]
 */
export function oneChannel(tensor, channel, values = tensor.slice(channel), called = {}) {
  const { map, low, high } = rangeOf(tensor, channel);
  const scope = tensor.colour?.scope === "fixed" ? "fixed" : "layer";
  return new Tensor(
    {
      name: called.name ?? `${tensor.name}.${channel}`,
      kind: called.kind ?? tensor.kind,
      axes: tensor.axes.slice(1),
      coordinates: {},
      shape: tensor.shape.slice(1),
      dtype: values instanceof Float64Array ? "float64" : tensor.dtype,
      stats: statsOf(values),
      colour: { map, vmin: low, vmax: high, scope },
    },
    values,
  );
}

/** @param {import("/sdk/tensor.js").Values} values @returns {import("/sdk/tensor.js").Stats} */
function statsOf(values) {
  const all = Array.from(values).filter(Number.isFinite);
  if (!all.length) return { min: null, max: null, mean: null, std: null, zero_fraction: null };
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
  const zeros = all.filter((value) => value === 0).length / all.length;
  return { min: Math.min(...all), max: Math.max(...all), mean, std: Math.sqrt(variance), zero_fraction: zeros };
}
