/** Drawing: a base image with strokes on top, rendered to a canvas and sampled to the rows of a network. */

import { make } from "./dom.js";
import { drawStrokes, SPAN } from "./strokes.js";

/** @typedef {number[][]} Rows Rows of integers, 0 (background) to 255 (full foreground). */
/** @typedef {{ rows: number, columns: number }} Field Size of the network's input. */
/** @typedef {{ base: Rows | null, strokes: readonly import("./strokes.js").Stroke[] }} Drawing */

/** Least pixels of the rendered picture's sides. */
const SIDE = 280;

/** Canvas pixels across one value of the input: ten for 28 rows. @param {Field} field */
function cellOf({ rows, columns }) {
  return Math.max(1, Math.ceil(SIDE / Math.max(rows, columns)));
}

/** Size of the rendered picture. @param {Field} field */
export function renderedSize(field) {
  const cell = cellOf(field);
  return { width: cell * field.columns, height: cell * field.rows };
}

/**
 * Render a drawing on a black background.
 * @param {CanvasRenderingContext2D} context
 * @param {Drawing} drawing
 * @param {number} width Of the canvas, in pixels.
 * @param {number} height
 */
export function renderDrawing(context, { base, strokes }, width, height) {
  context.fillStyle = "black";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  if (base) context.drawImage(imageOf(base), 0, 0, width, height);
  drawStrokes(context, strokes, width, height);
}

/** Canvas of each base: it is drawn in every frame, and its rows never change. @type {WeakMap<Rows, HTMLCanvasElement>} */
const images = new WeakMap();

/** @param {Rows} rows */
function imageOf(rows) {
  const cached = images.get(rows);
  if (cached) return cached;
  const canvas = make("canvas", { width: rows[0].length, height: rows.length });
  const grey = new ImageData(Uint8ClampedArray.from(rows.flat().flatMap((value) => [value, value, value, 255])), canvas.width);
  canvas.getContext("2d")?.putImageData(grey, 0, 0);
  images.set(rows, canvas);
  return canvas;
}

/**
 * Draw the crosshair of the keyboard's pen.
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number, isDown: boolean }} pen In the coordinates of strokes.
 * @param {number} width Of the canvas, in pixels.
 * @param {number} height
 */
export function renderCrosshair(context, { x, y, isDown }, width, height) {
  const side = Math.min(width, height);
  const [across, down, arm] = [(x * width) / SPAN, (y * height) / SPAN, side / 20];
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
 * Downsample a rendered picture to the rows of a network: each value is the mean of its pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {Field} field
 * @returns {Rows}
 */
export function downsample(context, field) {
  const { width, height } = renderedSize(field);
  const { data } = context.getImageData(0, 0, width, height);
  const cell = cellOf(field);
  const rows = blankRows(field);
  for (let y = 0; y < height; y += 1) {
    const row = rows[Math.floor(y / cell)];
    for (let x = 0; x < width; x += 1) row[Math.floor(x / cell)] += data[4 * (y * width + x)];
  }
  return rows.map((row) => row.map((sum) => Math.round(sum / cell ** 2)));
}

/** Rows of background. @param {Field} field @returns {Rows} */
export function blankRows({ rows, columns }) {
  return Array.from({ length: rows }, () => new Array(columns).fill(0));
}
