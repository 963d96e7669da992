/**
 * Safetensors: the binary format of an answer. Values are exact, and read without parsing numbers.
 *
 * Layout: the length of the header as uint64, little-endian; the header as JSON; the values.
 */

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
 * @returns {{ document: any, tensor: (name: string) => import("./tensor.js").Values }}
 */
export function readSafetensors(bytes) {
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  const document = JSON.parse(header.__metadata__.lightwell);
  const tensor = (/** @type {string} */ name) => {
    const { dtype, data_offsets: offsets } = header[name];
    return READERS[dtype](bytes, 8 + length + offsets[0], 8 + length + offsets[1]);
  };
  return { document, tensor };
}

/**
 * Make tensors of their descriptions and values, in the order of the descriptions.
 * @param {import("./tensor.js").Description[]} described
 * @param {(name: string) => import("./tensor.js").Values} values
 * @returns {Map<string, Tensor>}
 */
export function tensorsOf(described, values) {
  return new Map(described.map((one) => [one.name, new Tensor(one, values(one.name))]));
}
