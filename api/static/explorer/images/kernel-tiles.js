/** Kernel tiles: the kernels of all input channels as small tiles on one canvas. */

import { paint } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";

const WEIGHT = 4; // canvas pixels of a weight
const GAP = 3;

/**
 * @typedef {object} Grid
 * @property {number} columns Tiles of a row.
 * @property {number} width Weights of a kernel's row.
 */

/** Canvas pixels from one tile to the next, across and down. @param {number} width @param {number} height */
function pitchOf(width, height) {
  return [width * WEIGHT + GAP, height * WEIGHT + GAP];
}

/** @typedef {{ low: number, high: number, table: import("../../sdk/colours.js").Table }} Colours */

/**
 * Draw kernels as tiles, in reading order.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>[]} kernels Weights row by row.
 * @param {Grid} grid
 * @param {Colours} colours
 */
export function drawKernels(canvas, kernels, { columns, width }, { low, high, table }) {
  const rows = Math.ceil(kernels.length / columns);
  const height = kernels[0].length / width;
  const [across, down] = pitchOf(width, height);
  canvas.width = columns * across - GAP;
  canvas.height = rows * down - GAP;
  const context = canvas.getContext("2d");
  const stamp = make("canvas", { width, height });
  const stamped = stamp.getContext("2d");
  if (!context || !stamped) return;
  context.imageSmoothingEnabled = false;
  kernels.forEach((kernel, at) => {
    stamped.putImageData(paint(kernel, width, low, high, table), 0, 0);
    const [left, top] = [(at % columns) * across, Math.floor(at / columns) * down];
    context.drawImage(stamp, left, top, width * WEIGHT, height * WEIGHT);
  });
}

/**
 * Tile and weight under the pointer; null between the tiles.
 * @param {HTMLCanvasElement} canvas
 * @param {MouseEvent} event
 * @param {{ columns: number, width: number, height: number }} grid Tiles of a row, and size of a kernel.
 * @returns {{ tile: number, y: number, x: number } | null}
 */
export function weightAt(canvas, { clientX, clientY }, { columns, width, height }) {
  const box = canvas.getBoundingClientRect();
  const [pitch, pitchDown] = pitchOf(width, height);
  const across = ((clientX - box.left) / box.width) * canvas.width;
  const down = ((clientY - box.top) / box.height) * canvas.height;
  const [column, row] = [Math.floor(across / pitch), Math.floor(down / pitchDown)];
  const [x, y] = [Math.floor((across % pitch) / WEIGHT), Math.floor((down % pitchDown) / WEIGHT)];
  if (x >= width || y >= height || column < 0 || row < 0 || column >= columns) return null;
  return { tile: row * columns + column, y, x };
}

/** Euclidean norm of a kernel. @param {ArrayLike<number>} weights */
export function norm(weights) {
  return Math.sqrt(Array.from(weights).reduce((sum, weight) => sum + weight * weight, 0));
}

/** Weights as lines of text, one for each row. @param {ArrayLike<number>} weights @param {number} width */
export function inRows(weights, width) {
  const texts = Array.from(weights, (weight) => formatNumber(weight, 4));
  const rows = Array.from({ length: texts.length / width }, (_, row) => texts.slice(row * width, (row + 1) * width));
  return rows.map((row) => row.join("  ")).join("\n");
}
