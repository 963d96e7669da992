/** Receptive field: the pixels of the input that one value of a feature map depends on. */

const SIDE = 28;

/** @typedef {{ top: number, left: number, bottom: number, right: number }} Box First and last row and column. */

/**
 * Receptive field of the value (y, x) of a layer, clipped to the image; the whole image for a dense layer.
 * @param {import("../context.js").Layer} layer
 * @param {number} y
 * @param {number} x
 * @returns {Box}
 */
export function receptiveField({ receptive_field: field }, y, x) {
  if (!field) return { top: 0, left: 0, bottom: SIDE - 1, right: SIDE - 1 };
  const span = (/** @type {number} */ at) => {
    const first = field.stride * at - field.offset;
    return [Math.max(first, 0), Math.min(first + field.size - 1, SIDE - 1)];
  };
  const [top, bottom] = span(y);
  const [left, right] = span(x);
  return { top, left, bottom, right };
}

/**
 * Write a box as text.
 * @param {Box} box
 */
export function describeBox({ top, left, bottom, right }) {
  return `rows ${top}–${bottom}, columns ${left}–${right}`;
}
