/** Windows: positions that a convolution or a pool reads along rows and columns, as its layer line declares them. */

/**
 * @typedef {object} Axis Windows along one axis of a map.
 * @property {number} size Positions of a window.
 * @property {number} stride Distance of two windows.
 * @property {number} dilation Distance of two positions of a window.
 * @property {number} before Padding at the low end.
 * @property {number} padded Padding at the high end that the layer declares, without what a last window has beyond it.
 * @property {number} inputs Size of the input.
 */

/** @typedef {{ at: number, isInside: boolean }} Position Row or column; outside the map it is padding. */

/**
 * Windows of a layer along rows and columns.
 * @param {import("../../context.js").Layer} layer
 * @param {number[]} sides Rows and columns of the map that it reads.
 * @returns {[Axis, Axis]}
 */
export function windowsOf({ operation, shape }, sides) {
  const line = operation.replace(/^[^:]*:/, "").trim();
  const isPool = line.startsWith("pool");
  const size = pairOf(/\b(\d+)x(\d+)\b/.exec(line.replace(/\b(stride|dilation) \d+x\d+/g, ""))) ?? (isPool ? [2, 2] : [3, 3]);
  const stride = namedPair(line, "stride") ?? (isPool ? size : [1, 1]);
  const dilation = namedPair(line, "dilation") ?? [1, 1];
  const given = /\bpad((?: \d+)+)/.exec(line)?.[1].trim().split(" ").map(Number);
  const isSame = !given && (/\bsame\b/.test(line) || (!isPool && !/\bvalid\b/.test(line)));
  const axes = [0, 1].map((axis) => {
    const [inputs, count] = [sides[axis], Number(shape[axis + 1])];
    const extent = (size[axis] - 1) * dilation[axis] + 1;
    const needed = Math.max((count - 1) * stride[axis] + extent - inputs, 0);
    const before = isSame ? Math.floor(needed / 2) : given ? given[given.length > 1 ? 2 * axis : 0] : 0;
    const padded = given ? given[given.length > 1 ? 2 * axis + 1 : 0] : isSame ? needed - before : 0;
    return { size: size[axis], stride: stride[axis], dilation: dilation[axis], before, padded, inputs };
  });
  return [axes[0], axes[1]];
}

/** @param {string} line @param {string} word */
function namedPair(line, word) {
  const found = new RegExp(`\\b${word} (\\d+)(?:x(\\d+))?\\b`).exec(line);
  return found ? [Number(found[1]), Number(found[2] ?? found[1])] : null;
}

/** @param {RegExpExecArray | null} found */
function pairOf(found) {
  return found ? [Number(found[1]), Number(found[2])] : null;
}

/**
 * Positions of one window.
 * @param {Axis} axis
 * @param {number} index
 * @returns {Position[]}
 */
export function positionsOf({ size, stride, dilation, before, inputs }, index) {
  return Array.from({ length: size }, (_, step) => {
    const at = index * stride - before + step * dilation;
    return { at, isInside: at >= 0 && at < inputs };
  });
}

/**
 * Number of rows or columns that the mean of a window divides by.
 * @param {Axis} axis
 * @param {number} index
 * @param {boolean} countsPadding
 */
export function countedBy(axis, index, countsPadding) {
  if (!countsPadding) return positionsOf(axis, index).filter(({ isInside }) => isInside).length;
  const start = index * axis.stride - axis.before;
  return Math.min(start + axis.size, axis.inputs + axis.padded) - start;
}

/**
 * Values of a map in a window, row by row; 0 in the padding.
 * @param {ArrayLike<number>} map
 * @param {Position[]} rows
 * @param {Position[]} columns
 * @param {number} width Of the map.
 */
export function valuesIn(map, rows, columns, width) {
  return rows.flatMap((row) => columns.map((column) => (row.isInside && column.isInside ? map[row.at * width + column.at] : 0)));
}

/**
 * Boxes that outline a window; the positions of a dilated one are apart.
 * @param {Position[]} rows
 * @param {Position[]} columns
 * @returns {import("../receptive-field.js").Box[]}
 */
export function boxesOf(rows, columns) {
  const isWhole = [rows, columns].every((along) => along.length < 2 || along[1].at - along[0].at === 1);
  if (isWhole) return [{ top: rows[0].at, left: columns[0].at, bottom: rows[rows.length - 1].at, right: columns[columns.length - 1].at }];
  return rows.flatMap(({ at: y }) => columns.map(({ at: x }) => ({ top: y, bottom: y, left: x, right: x })));
}
