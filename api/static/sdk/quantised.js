/** Quantised tensors: values of `encoding=uint8`, a byte each, over the tensor's colour range. */

import { Tensor } from "./tensor.js";

/**
 * Tensor with approximate values, offset + scale · byte; a list has the scales of the indices of the first axis.
 * @param {import("./tensor.js").Description} description
 * @param {import("./tensor.js").Values} bytes
 * @returns {Tensor} With the bytes themselves where they are the values.
 */
export function dequantised({ scale = 1, offset = 0, ...description }, bytes) {
  if (scale === 1 && offset === 0) return new Tensor(description, bytes);
  const values = new Float32Array(bytes.length);
  const size = Array.isArray(scale) ? bytes.length / scale.length : bytes.length;
  const at = (/** @type {number | number[]} */ ends, /** @type {number} */ index) => (Array.isArray(ends) ? ends[index] : ends);
  for (let flat = 0; flat < bytes.length; flat += 1) {
    const index = Math.floor(flat / size);
    values[flat] = at(offset, index) + at(scale, index) * bytes[flat];
  }
  return new Tensor({ ...description, dtype: "float32" }, values);
}
