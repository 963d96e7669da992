/** Step axis: the input at the head of each column, and step numbers where they fit. */

import { makeSvg } from "./dom.js";

export const AXIS_HEIGHT = 40;
const BOX = { top: 2, side: 20 };
const BIT_LINE = 16.5;
const NUMBER_LINE = 36;
const DIGIT_WIDTH = 7;
const NUMBER_GAP = 14;
/** Pixels of a column from which on a digit fits into it, and from which on boxes have a gap. */
const [DIGIT_COLUMN, GAP_COLUMN] = [10, 4];

/**
 * Draw the visible part of the axis.
 * @param {import("./step-columns.js").StepColumns} columns
 * @param {string | (string | number[])[]} inputs Bits, other symbols or rows of numbers.
 * @param {number} now The followed step; it always has its number.
 * @returns {SVGElement[]}
 */
export function axisMarks(columns, inputs, now) {
  const widest = DIGIT_WIDTH * String(columns.steps).length;
  const room = NUMBER_GAP + widest;
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((one) => one * columns.width >= room) ?? 1000;
  return columns.inSight().flatMap((step) => {
    const x = columns.middle(step);
    const isClose = Math.abs(step - now) * columns.width < room;
    const isNumbered = step === now || (step % every === 0 && !isClose);
    // In narrow columns the number of the last step is wider than the place that is left.
    const middle = Math.min(x, columns.view - widest / 2);
    const number = makeSvg("text", { x: middle, y: NUMBER_LINE, class: step === now ? "now" : "" }, String(step));
    return [...(step ? inputMarks(inputs[step - 1], x, columns.width) : []), ...(isNumbered ? [number] : [])];
  });
}

/**
 * Draw an input: a symbol in a box, or the box alone in a narrow column; nothing for a row of numbers.
 * @param {string | number[]} input
 * @param {number} x Middle of its column.
 * @param {number} column Width of its column.
 */
function inputMarks(input, x, column) {
  if (Array.isArray(input)) return [];
  const width = Math.min(BOX.side, column < GAP_COLUMN ? column : column - 2);
  const place = { x: x - width / 2, y: BOX.top, width, height: BOX.side, rx: Math.min(4, width / 4) };
  const box = makeSvg("rect", { ...place, class: input === "1" ? "one" : "zero" });
  if (column < DIGIT_COLUMN * Math.min(input.length, 2)) return [box];
  // A word is cut to what fits into its box.
  return [box, makeSvg("text", { x, y: BIT_LINE, class: input === "1" ? "bit one" : "bit" }, input.slice(0, 2))];
}
