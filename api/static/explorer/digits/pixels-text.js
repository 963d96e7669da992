/** Pixels: the 28×28 that a network saw, as text for the address. */

import { fromBase64url, toBase64url } from "/sdk/base64url.js";

const SIDE = 28;

/**
 * Write rows of integers 0 to 255 as text.
 * @param {number[][]} rows
 */
export function pixelsToText(rows) {
  return toBase64url(Uint8Array.from(rows.flat()));
}

/**
 * Read such rows again; null where the text does not hold just as many.
 * @param {string} text
 * @returns {number[][] | null}
 */
export function pixelsFromText(text) {
  const bytes = fromBase64url(text);
  if (bytes?.length !== SIDE * SIDE) return null;
  return Array.from({ length: SIDE }, (_, y) => Array.from(bytes.subarray(y * SIDE, (y + 1) * SIDE)));
}
