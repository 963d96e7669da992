/** Drawing: a base image with strokes on top, rendered to a canvas and sampled to 28×28. */

import { make } from "./dom.js";
import { drawStrokes, SPAN } from "./strokes.js";

/** @typedef {number[][]} Rows 28 rows of 28 integers, 0 (background) to 255 (full foreground). */
/** @typedef {{ base: Rows | null, strokes: readonly import("./strokes.js").Stroke[] }} Drawing */

const FIELD = 28;
/** Pixels of the rendered picture's side: ten for each of the 28. */
export const SIDE = 280;

/**
 * Render a drawing on a black background.
 * @param {CanvasRenderingContext2D} context
 * @param {Drawing} drawing
 * @param {number} side Of the canvas, in pixels.
 */
export function renderDrawing(context, { base, strokes }, side) {
  context.fillStyle = "black";
  context.fillRect(0, 0, side, side);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  if (base) context.drawImage(imageOf(base), 0, 0, side, side);
  drawStrokes(context, strokes, side);
}

/** Canvas of each base: it is drawn in every frame, and its rows never change. @type {WeakMap<Rows, HTMLCanvasElement>} */
const images = new WeakMap();

/** @param {Rows} rows */
function imageOf(rows) {
  const cached = images.get(rows);
  if (cached) return cached;
  const canvas = make("canvas", { width: FIELD, height: FIELD });
  const grey = new ImageData(Uint8ClampedArray.from(rows.flat().flatMap((value) => [value, value, value, 255])), FIELD);
  canvas.getContext("2d")?.putImageData(grey, 0, 0);
  images.set(rows, canvas);
  return canvas;
}

/**
 * Draw the crosshair of the keyboard's pen.
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number, isDown: boolean }} pen In the coordinates of strokes.
 * @param {number} side
 */
export function renderCrosshair(context, { x, y, isDown }, side) {
  const [across, down, arm] = [(x * side) / SPAN, (y * side) / SPAN, side / 20];
  context.beginPath();
  context.moveTo(across - arm, down);
  context.lineTo(across + arm, down);
  context.moveTo(across, down - arm);
  context.lineTo(across, down + arm);
  context.strokeStyle = isDown ? "#ff8c42" : "#6fb1ff";
  context.lineWidth = side / 100;
  context.stroke();
}

/**
 * Downsample a canvas of 280×280 to 28×28: each value is the mean of its 100 pixels.
 * @param {CanvasRenderingContext2D} context
 * @returns {Rows}
 */
export function downsample(context) {
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const cell = SIDE / FIELD;
  const rows = blankRows();
  for (let y = 0; y < SIDE; y += 1) {
    const row = rows[Math.floor(y / cell)];
    for (let x = 0; x < SIDE; x += 1) row[Math.floor(x / cell)] += data[4 * (y * SIDE + x)];
  }
  return rows.map((row) => row.map((sum) => Math.round(sum / cell ** 2)));
}

/** Rows of background. @returns {Rows} */
export function blankRows() {
  return Array.from({ length: FIELD }, () => new Array(FIELD).fill(0));
}
