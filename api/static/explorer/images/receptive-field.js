/** Receptive field: the pixels of the input that one value of a feature map depends on. */

/** @typedef {{ top: number, left: number, bottom: number, right: number }} Box First and last row and column. */

/**
 * Receptive field of the value (y, x) of a layer, clipped to the image; the whole image for a dense layer.
 * @param {import("../context.js").Layer} layer
 * @param {number} y
 * @param {number} x
 * @param {{ height: number, width: number }} image
 * @returns {Box}
 */
export function receptiveField({ receptive_field: rows, receptive_field_columns: columns }, y, x, { height, width }) {
  if (!rows) return { top: 0, left: 0, bottom: height - 1, right: width - 1 };
  const span = (/** @type {import("../context.js").Field} */ field, /** @type {number} */ at, /** @type {number} */ side) => {
    const first = field.stride * at - field.offset;
    return [Math.max(first, 0), Math.min(first + field.size - 1, side - 1)];
  };
  const [top, bottom] = span(rows, y, height);
  const [left, right] = span(columns ?? rows, x, width);
  return { top, left, bottom, right };
}

/**
 * Write a box as text.
 * @param {Box} box
 */
export function describeBox({ top, left, bottom, right }) {
  return `rows ${top}–${bottom}, columns ${left}–${right}`;
}
