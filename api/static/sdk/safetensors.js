/**
 * Safetensors: the binary format of an answer. Values are exact, and read without parsing numbers.
 *
 * Layout: the length of the header as uint64, little-endian; the header as JSON; the values.
 */

import { dequantised } from "./quantised.js";
import { Tensor } from "./tensor.js";

/** @type {Record<string, (bytes: ArrayBuffer, start: number, stop: number) => import("./tensor.js").Values>} */
const READERS = {
  F32: (bytes, start, stop) => new Float32Array(bytes, start, (stop - start) / 4),
  F64: (bytes, start, stop) => new Float64Array(bytes, start, (stop - start) / 8),
  I32: (bytes, start, stop) => new Int32Array(bytes, start, (stop - start) / 4),
  I64: (bytes, start, stop) =>
    Float64Array.from(new BigInt64Array(bytes, start, (stop - start) / 8), Number),
  U8: (bytes, start, stop) => new Uint8Array(bytes, start, stop - start),
  BOOL: (bytes, start, stop) => new Uint8Array(bytes, start, stop - start),
};

/**
 * Read an answer: its document, and a function from a tensor's name to its values.
 * @param {ArrayBuffer} bytes
 * @returns {{ document: any, tensor: (name: string) => import("./tensor.js").Values | null }} null for
 *   a tensor whose values the answer does not have.
 */
export function readSafetensors(bytes) {
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  const document = JSON.parse(header.__metadata__.lightwell);
  const tensor = (/** @type {string} */ name) => {
    if (!header[name]) return null;
    const { dtype, data_offsets: offsets } = header[name];
    return READERS[dtype](bytes, 8 + length + offsets[0], 8 + length + offsets[1]);
  };
  return { document, tensor };
}

/**
 * Make tensors of their descriptions and values, in the order of the descriptions; quantised ones with approximate values.
 * @param {import("./tensor.js").Description[]} described
 * @param {(name: string) => import("./tensor.js").Values | null} valuesOf
 * @returns {Map<string, Tensor>}
 */
export function tensorsOf(described, valuesOf) {
  /** @type {Map<string, Tensor>} */
  const found = new Map();
  for (const one of described) {
    const values = valuesOf(one.name);
    if (values) found.set(one.name, one.encoding === "uint8" ? dequantised(one, values) : new Tensor(one, values));
  }
  return found;
}
