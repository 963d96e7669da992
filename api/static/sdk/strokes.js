/**
 * Strokes: lines of a pen as points of a square with coordinates 0 to 254, independent of its size.
 *
 * Encoded as bytes, x and y of each point in turn and 255 between two strokes, then as base64url: a
 * digit takes a few hundred characters of a link.
 */

import { fromBase64url, toBase64url } from "./base64url.js";

/** @typedef {{ x: number, y: number }} Point Whole numbers from 0 (left, top) to 254. */
/** @typedef {readonly Point[]} Stroke */

/** Largest coordinate; the byte 255 separates two strokes. */
export const SPAN = 254;

/** Width of a stroke as a fraction of the shorter side: after preprocessing, strokes are as wide as MNIST's. */
const WIDTH = 0.09;

const SEPARATOR = 255;
const MAX_BYTES = 6000; // 8,000 characters of a URL
const MIN_DISTANCE = 2; // a nearer point changes nothing visible

/**
 * Add a point to a stroke; return the same stroke where the point is too near to its last one.
 * @param {Stroke} stroke
 * @param {Point} point
 * @returns {Stroke}
 */
export function extended(stroke, point) {
  const last = stroke.at(-1);
  if (last && Math.hypot(point.x - last.x, point.y - last.y) < MIN_DISTANCE) return stroke;
  return [...stroke, point];
}

/**
 * Round a position in a square to a point.
 * @param {number} across From 0 at the left to 1 at the right; values outside are clamped.
 * @param {number} down From 0 at the top to 1 at the bottom.
 * @returns {Point}
 */
export function pointAt(across, down) {
  const whole = (/** @type {number} */ share) => Math.round(SPAN * Math.min(1, Math.max(0, share)));
  return { x: whole(across), y: whole(down) };
}

/**
 * Draw strokes with round ends. Corners are smoothed: a quadratic curve goes from the middle of one
 * segment to the middle of the next, with their common point as its control point.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly Stroke[]} strokes
 * @param {number} width Of the picture, in pixels of the canvas.
 * @param {number} height
 */
export function drawStrokes(context, strokes, width, height) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = WIDTH * Math.min(width, height);
  context.strokeStyle = "white";
  for (const stroke of strokes) {
    const points = stroke.map(({ x, y }) => ({ x: (x * width) / SPAN, y: (y * height) / SPAN }));
    const [first, last] = [points[0], points[points.length - 1]];
    context.beginPath();
    context.moveTo(first.x, first.y);
    for (let at = 1; at < points.length - 1; at += 1) {
      const [bend, next] = [points[at], points[at + 1]];
      context.quadraticCurveTo(bend.x, bend.y, (bend.x + next.x) / 2, (bend.y + next.y) / 2);
    }
    context.lineTo(last.x, last.y); // a line of length 0 is drawn as its round caps: a dot
    context.stroke();
  }
}

/**
 * Encode strokes as text of at most 8,000 characters; longer ones lose points.
 * @param {readonly Stroke[]} strokes
 */
export function writeStrokes(strokes) {
  let kept = strokes;
  let bytes = bytesOf(kept);
  while (bytes.length > MAX_BYTES) {
    const shorter = kept.map((stroke) => stroke.filter((_, at) => at % 2 === 0 || at === stroke.length - 1));
    // Strokes of one or two points cannot lose any: then the oldest strokes are dropped.
    const canShrink = shorter.some((stroke, at) => stroke.length < kept[at].length);
    kept = canShrink ? shorter : kept.slice(Math.ceil(kept.length / 4));
    bytes = bytesOf(kept);
  }
  return toBase64url(bytes);
}

/** @param {readonly Stroke[]} strokes */
function bytesOf(strokes) {
  const parts = strokes.map((stroke) => stroke.flatMap(({ x, y }) => [x, y]));
  return Uint8Array.from(parts.flatMap((part, at) => (at ? [SEPARATOR, ...part] : part)));
}

/**
 * Decode strokes; text that is not base64url gives none.
 * @param {string} text
 * @returns {Stroke[]}
 */
export function readStrokes(text) {
  /** @type {Point[][]} */
  const strokes = [];
  const bytes = fromBase64url(text) ?? new Uint8Array();
  let start = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] !== SEPARATOR) continue;
    const part = bytes.slice(start, at);
    start = at + 1;
    const points = Array.from({ length: part.length >> 1 }, (_, point) => ({ x: part[2 * point], y: part[2 * point + 1] }));
    if (points.length) strokes.push(points);
  }
  return strokes;
}
