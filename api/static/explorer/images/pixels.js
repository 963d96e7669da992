/** Pixels: rows of grey or of red, green and blue, as text for the fragment of the URL and as pictures. */

import { fromBase64url, toBase64url } from "../../sdk/base64url.js";

/** @typedef {import("../model-facts.js").ImageInput} ImageInput */

/**
 * Rows of integers 0 to 255: one for each pixel, or a list of three.
 * @typedef {number[][] | number[][][]} Pixels
 */

/** @param {Pixels} rows @returns {number[]} */
export function flat(rows) {
  return /** @type {number[]} */ (rows.flat(2));
}

/** Encode pixels. @param {Pixels} rows */
export function pixelsToText(rows) {
  return toBase64url(Uint8Array.from(flat(rows)));
}

/**
 * Decode pixels; null where the text does not hold exactly those of an input.
 * @param {string} text
 * @param {ImageInput} input
 * @returns {Pixels | null}
 */
export function pixelsFromText(text, { height, width, channels }) {
  const bytes = fromBase64url(text);
  return bytes?.length === height * width * channels ? inRows(bytes, { height, width, channels }) : null;
}

/**
 * Arrange values as rows.
 * @param {ArrayLike<number>} values
 * @param {{ height: number, width: number, channels: number }} input
 * @returns {Pixels}
 */
function inRows(values, { height, width, channels }) {
  const all = Array.from(values);
  const pixel = (/** @type {number} */ at) => (channels === 1 ? all[at] : all.slice(at * channels, (at + 1) * channels));
  const rows = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(y * width + x)));
  return /** @type {Pixels} */ (rows);
}

/**
 * Picture for a canvas.
 * @param {Pixels} rows
 * @returns {ImageData}
 */
export function imageData(rows) {
  const colours = rows.flat().flatMap((pixel) => (Array.isArray(pixel) ? [...pixel, 255] : [pixel, pixel, pixel, 255]));
  return new ImageData(Uint8ClampedArray.from(colours), rows[0].length);
}

/**
 * Pixels of a canvas in the channels of an input; grey is the mean of red, green and blue.
 * @param {CanvasRenderingContext2D} context
 * @param {ImageInput} input
 */
export function pixelsOf(context, input) {
  const { data } = context.getImageData(0, 0, input.width, input.height);
  const values = [];
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue] = data.subarray(at, at + 3);
    values.push(...(input.channels === 1 ? [Math.round((red + green + blue) / 3)] : [red, green, blue]));
  }
  return inRows(values, input);
}

/**
 * Picture with which a network of pictures opens: a bright disc over a slope of colours. It belongs to no class.
 * @param {ImageInput} input
 */
export function testPicture(input) {
  const { width, height } = input;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const slope = context.createLinearGradient(0, 0, width, height);
  slope.addColorStop(0, input.channels === 1 ? "#000" : "#12306e");
  slope.addColorStop(1, input.channels === 1 ? "#444" : "#5a8f3c");
  context.fillStyle = slope;
  context.fillRect(0, 0, width, height);
  context.fillStyle = input.channels === 1 ? "#fff" : "#f2a03d";
  context.beginPath();
  context.ellipse(width * 0.45, height * 0.5, width * 0.28, height * 0.28, 0, 0, 2 * Math.PI);
  context.fill();
  return pixelsOf(context, input);
}
