/** Matrix: coloured cells with labels along both axes, and the value under the pointer or the arrow keys. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactDigits } from "../../sdk/number-format.js";
import { PixelMap } from "../images/pixel-map.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** Most labels along an axis; of more, some are left out. */
const MOST_LABELS = 12;
const MOST_ROWS = 24;
/** Height of a cell, in CSS pixels, and of the whole matrix at most. */
const CELL = 20;
const TALLEST = 340;

/**
 * Draw a matrix; a vector is one row.
 * @param {string} title
 * @param {Tensor} tensor
 * @param {string} x Name of the axis from left to right.
 * @param {import("./figure.js").Tables} tables
 * @returns {HTMLElement}
 */
export function matrix(title, tensor, x, tables) {
  const y = tensor.axes.find((axis) => axis !== x) ?? "";
  const [columns, rows] = [tensor.labels(x), y ? tensor.labels(y) : [""]];
  const isTurned = y !== "" && tensor.axes[0] === x;
  const valueAt = (/** @type {number} */ row, /** @type {number} */ column) =>
    y ? tensor.at(...(isTurned ? [column, row] : [row, column])) : tensor.at(column);
  const values = rows.flatMap((_, row) => columns.map((__, column) => valueAt(row, column)));
  const range = rangeOf(tensor);
  const place = make("p", { class: "number quiet" }, "Point at a cell, or use the arrow keys.");
  const map = new PixelMap(`${title}: ${rows.length} by ${columns.length} values; arrow keys read them`, {
    point(at) {
      if (!at) return;
      map.mark([{ box: { top: at.y, bottom: at.y, left: at.x, right: at.x }, kind: "pointed" }]);
      const where = [...(y ? [`${wordsOf(y)} ${rows[at.y]}`] : []), `${wordsOf(x)} ${columns[at.x]}`].join(", ");
      place.textContent = `${where}: ${exactDigits(valueAt(at.y, at.x), tensor.dtype).replace("-", "−")}`;
    },
  });
  const table = tables.get(range.map);
  if (table) map.show({ values, width: columns.length, low: range.low, high: range.high, table });
  // A map of positions has square cells; of other matrices the rows are as tall as their labels.
  const isPicture = x === "x" && y === "y";
  if (!isPicture) map.element.style.height = `${Math.min(TALLEST, CELL * rows.length)}px`;
  const bar = new ColourBar();
  bar.range = range;
  place.setAttribute("role", "status");
  return make(
    "div",
    { class: `matrix${isPicture ? " is-picture" : ""}` },
    labels("rows", rows, MOST_ROWS),
    map.element,
    labels("columns", columns, mostColumns(columns)),
    make("p", { class: "axis-name" }, y && !isPicture ? `rows: ${wordsOf(y)}, columns: ${wordsOf(x)}` : wordsOf(x)),
    bar,
    place,
  );
}

/** Name of an axis as words. @param {string} axis */
function wordsOf(axis) {
  return axis.replaceAll("_", " ");
}

/** Fewer of long labels, which would touch each other. @param {(string | number)[]} names */
function mostColumns(names) {
  const longest = Math.max(...names.map((name) => String(name).length));
  return longest > 5 && names.length > 6 ? 6 : MOST_LABELS;
}

/** @param {"rows" | "columns"} along @param {(string | number)[]} names @param {number} most */
function labels(along, names, most) {
  const every = Math.ceil(names.length / most);
  const texts = names.map((name, at) => make("span", {}, at % every === 0 ? String(name) : ""));
  return make("div", { class: `matrix-${along} number`, "aria-hidden": "true" }, ...texts);
}
