/** NPZ: arrays in a ZIP archive without compression, which NumPy's `load` reads. */

/** @typedef {import("../sdk/tensor.js").Tensor} Tensor */

/** NumPy's names of the types of values. @type {Readonly<Record<string, string>>} */
const TYPES = { float32: "<f4", float64: "<f8", int32: "<i4", uint8: "|u1" };
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
/** 1 January 1980, the first day of the format: files of equal values are equal. */
const DAY = 0x21;
const ALIGNED = 64;

/** CRC-32 of each byte. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/**
 * Write tensors as an NPZ file.
 * @param {Record<string, Tensor>} tensors By the names of the arrays.
 * @returns {Blob}
 */
export function npzFile(tensors) {
  const parts = [];
  const directory = [];
  let start = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const [path, content] = [new TextEncoder().encode(`${name}.npy`), array(tensor)];
    const entry = fields(content, path.length);
    parts.push(record([LOCAL, 4], ...entry), path, content);
    directory.push(record([CENTRAL, 4], [20, 2], ...entry, [0, 2], [0, 2], [0, 2], [0, 4], [start, 4]), path);
    start += 30 + path.length + content.length;
  }
  const size = directory.reduce((sum, one) => sum + one.length, 0);
  const count = directory.length / 2;
  const end = record([END, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [start, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/**
 * Fields that the header of a file and its entry of the directory have in common.
 * @param {Uint8Array} content
 * @param {number} name Bytes of the name.
 * @returns {[number, number][]} Values, each with its number of bytes.
 */
function fields(content, name) {
  const { length } = content;
  return [[20, 2], [0, 2], [0, 2], [0, 2], [DAY, 2], [checksum(content), 4], [length, 4], [length, 4], [name, 2], [0, 2]];
}

/** Values as little-endian bytes. @param {...[number, number]} values Each with its number of bytes. */
function record(...values) {
  return Uint8Array.from(values.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, at) => (value >>> (8 * at)) & 255)));
}

/** @param {Uint8Array} content */
function checksum(content) {
  let rest = 0xffffffff;
  for (const byte of content) rest = REMAINDERS[(rest ^ byte) & 255] ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

/** File of one array in NumPy's format, version 1.0. @param {Tensor} tensor */
function array({ shape, dtype, values }) {
  const about = `{'descr': '${TYPES[dtype]}', 'fortran_order': False, 'shape': (${shape.map((side) => `${side},`).join(" ")}), }`;
  const length = Math.ceil((10 + about.length + 1) / ALIGNED) * ALIGNED - 10;
  const head = new TextEncoder().encode(`${about.padEnd(length - 1)}\n`);
  const magic = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const content = new Uint8Array(10 + length + bytes.length);
  content.set([...magic, length & 255, length >> 8]);
  content.set(head, 10);
  content.set(bytes, 10 + length);
  return content;
}
