/** Pixels text: 28×28 pixels as base64url for the fragment of the URL. */

import { fromBase64url, toBase64url } from "/sdk/base64url.js";

const SIDE = 28;

/**
 * Encode rows of integers 0 to 255.
 * @param {number[][]} rows
 */
export function pixelsToText(rows) {
  return toBase64url(Uint8Array.from(rows.flat()));
}

/**
 * Decode rows; null where the text does not hold exactly 28×28 values.
 * @param {string} text
 * @returns {number[][] | null}
 */
export function pixelsFromText(text) {
  const bytes = fromBase64url(text);
  if (bytes?.length !== SIDE * SIDE) return null;
  return Array.from({ length: SIDE }, (_, y) => Array.from(bytes.subarray(y * SIDE, (y + 1) * SIDE)));
}
