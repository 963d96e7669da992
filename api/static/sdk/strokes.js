/**
 * Strokes: what a pen drew, as points of a square that is 254 wide whatever its size on a screen.
 *
 * As text they are bytes, x and y of one point after another, 255 between two strokes: a drawn digit
 * takes a few hundred characters of a link.
 */

import { fromBase64url, toBase64url } from "./base64url.js";

/** @typedef {{ x: number, y: number }} Point Whole numbers from 0 (left, top) to 254. */
/** @typedef {readonly Point[]} Stroke */

/** The last coordinate; 255 parts two strokes. */
export const SPAN = 254;

/** Width of a stroke as a share of the side: as thick as MNIST's are, once they are scaled. */
const WIDTH = 0.09;

const BETWEEN = 255;
const LONGEST = 6000; // bytes; 8,000 characters of an address
const NEAR = 2; // points nearer than this to the one before change nothing that can be seen

/**
 * Add a point to a stroke, unless the pen has hardly moved.
 * @param {Stroke} stroke
 * @param {Point} point
 * @returns {Stroke}
 */
export function extended(stroke, point) {
  const last = stroke.at(-1);
  if (last && Math.hypot(point.x - last.x, point.y - last.y) < NEAR) return stroke;
  return [...stroke, point];
}

/**
 * Return the point of a place in a square.
 * @param {number} across From 0 at the left to 1 at the right; what lies outside is moved in.
 * @param {number} down
 * @returns {Point}
 */
export function pointAt(across, down) {
  const whole = (/** @type {number} */ share) => Math.round(SPAN * Math.min(1, Math.max(0, share)));
  return { x: whole(across), y: whole(down) };
}

/**
 * Draw strokes, round and smooth: each bend is a quadratic curve from the middle of one segment to
 * the middle of the next.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly Stroke[]} strokes
 * @param {number} side Of the square, in pixels of the canvas.
 */
export function drawStrokes(context, strokes, side) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = WIDTH * side;
  context.strokeStyle = "white";
  const scale = side / SPAN;
  for (const stroke of strokes) {
    const points = stroke.map(({ x, y }) => ({ x: x * scale, y: y * scale }));
    const [first, last] = [points[0], points[points.length - 1]];
    context.beginPath();
    context.moveTo(first.x, first.y);
    for (let at = 1; at < points.length - 1; at += 1) {
      const [bend, next] = [points[at], points[at + 1]];
      context.quadraticCurveTo(bend.x, bend.y, (bend.x + next.x) / 2, (bend.y + next.y) / 2);
    }
    context.lineTo(last.x, last.y); // a line of no length still has its round caps: a dot
    context.stroke();
  }
}

/**
 * Write strokes as text of at most 8,000 characters; very long ones lose points.
 * @param {readonly Stroke[]} strokes
 */
export function writeStrokes(strokes) {
  let kept = strokes;
  let bytes = bytesOf(kept);
  while (bytes.length > LONGEST) {
    const shorter = kept.map((stroke) => stroke.filter((_, at) => at % 2 === 0 || at === stroke.length - 1));
    // Thousands of dots have nothing between their ends to leave out: the oldest go.
    const canShrink = shorter.some((stroke, at) => stroke.length < kept[at].length);
    kept = canShrink ? shorter : kept.slice(Math.ceil(kept.length / 4));
    bytes = bytesOf(kept);
  }
  return toBase64url(bytes);
}

/** @param {readonly Stroke[]} strokes */
function bytesOf(strokes) {
  const parts = strokes.map((stroke) => stroke.flatMap(({ x, y }) => [x, y]));
  return Uint8Array.from(parts.flatMap((part, at) => (at ? [BETWEEN, ...part] : part)));
}

/**
 * Read strokes from such a text; whatever is not one gives none.
 * @param {string} text
 * @returns {Stroke[]}
 */
export function readStrokes(text) {
  /** @type {Point[][]} */
  const strokes = [];
  const bytes = fromBase64url(text) ?? new Uint8Array();
  let start = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] !== BETWEEN) continue;
    const part = bytes.slice(start, at);
    start = at + 1;
    const points = Array.from({ length: part.length >> 1 }, (_, point) => ({ x: part[2 * point], y: part[2 * point + 1] }));
    if (points.length) strokes.push(points);
  }
  return strokes;
}
