/** Kernel tiles: the kernels of all input channels as small squares on one canvas. */

import { paint } from "/sdk/colours.js";
import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";

const SIDE = 3;
const WEIGHT = 4; // canvas pixels of a weight
const GAP = 3;
const PITCH = SIDE * WEIGHT + GAP;

/** @typedef {{ low: number, high: number, table: import("/sdk/colours.js").Table }} Colours */

/**
 * Draw kernels as tiles, in reading order.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>[]} kernels Nine weights each, row by row.
 * @param {number} columns
 * @param {Colours} colours
 */
export function drawKernels(canvas, kernels, columns, { low, high, table }) {
  const rows = Math.ceil(kernels.length / columns);
  canvas.width = columns * PITCH - GAP;
  canvas.height = rows * PITCH - GAP;
  const context = canvas.getContext("2d");
  const stamp = make("canvas", { width: SIDE, height: SIDE });
  const stamped = stamp.getContext("2d");
  if (!context || !stamped) return;
  context.imageSmoothingEnabled = false;
  kernels.forEach((kernel, at) => {
    stamped.putImageData(paint(kernel, SIDE, low, high, table), 0, 0);
    const [left, top] = [(at % columns) * PITCH, Math.floor(at / columns) * PITCH];
    context.drawImage(stamp, left, top, SIDE * WEIGHT, SIDE * WEIGHT);
  });
}

/**
 * Tile and weight under the pointer; null between the tiles.
 * @param {HTMLCanvasElement} canvas
 * @param {MouseEvent} event
 * @param {number} columns
 * @returns {{ tile: number, y: number, x: number } | null}
 */
export function weightAt(canvas, { clientX, clientY }, columns) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const across = ((clientX - left) / width) * canvas.width;
  const down = ((clientY - top) / height) * canvas.height;
  const [column, row] = [Math.floor(across / PITCH), Math.floor(down / PITCH)];
  const [x, y] = [Math.floor((across % PITCH) / WEIGHT), Math.floor((down % PITCH) / WEIGHT)];
  if (x >= SIDE || y >= SIDE || column < 0 || row < 0 || column >= columns) return null;
  return { tile: row * columns + column, y, x };
}

/** Euclidean norm of a kernel. @param {ArrayLike<number>} weights */
export function norm(weights) {
  return Math.sqrt(Array.from(weights).reduce((sum, weight) => sum + weight * weight, 0));
}

/** Nine weights as three lines of text. @param {ArrayLike<number>} weights */
export function inRows(weights) {
  const texts = Array.from(weights, (weight) => formatNumber(weight, 4));
  return [0, SIDE, 2 * SIDE].map((start) => texts.slice(start, start + SIDE).join("  ")).join("\n");
}
