/** Kernel grid: an enlarged matrix with a number in every cell. */

import { colourIndex } from "../../sdk/colours.js";
import { makeSvg } from "../../sdk/dom.js";
import { exactDigits, formatNumber } from "../../sdk/number-format.js";

const CELL = 40;
const DARK_BELOW = 0.45; // of full brightness: below it, black text is hard to read

/** @typedef {import("./kernel-tiles.js").Colours} Colours */

/**
 * Draw a matrix with numbers.
 * @param {string} label For screen readers.
 * @param {ArrayLike<number>} values Row by row.
 * @param {Colours} colours
 * @param {{ dtype?: string, columns?: number, outside?: (at: number) => boolean }} [options] A matrix without
 *   `columns` is square; `outside` tells whether a value belongs to the zero padding around the map.
 */
export function kernelGrid(label, values, { low, high, table }, options = {}) {
  const { dtype = "float32", columns = Math.round(Math.sqrt(values.length)), outside } = options;
  const rows = values.length / columns;
  const cells = Array.from(values, (value, at) => {
    const index = Math.max(colourIndex(value, low, high), 0);
    const [red, green, blue] = table.subarray(3 * index, 3 * index + 3);
    const bright = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
    const [x, y] = [(at % columns) * CELL, Math.floor(at / columns) * CELL];
    const title = makeSvg("title", {}, outside?.(at) ? "0: zero padding" : exactDigits(value, dtype));
    const square = makeSvg("rect", { x, y, width: CELL, height: CELL, fill: `rgb(${red} ${green} ${blue})` });
    const textColour = bright < DARK_BELOW ? "#fff" : "#111";
    const place = { x: x + CELL / 2, y: y + CELL / 2, fill: textColour };
    return makeSvg(
      "g",
      { class: outside?.(at) ? "outside" : "" },
      title,
      square,
      makeSvg("text", place, formatNumber(value, 2)),
    );
  });
  return makeSvg(
    "svg",
    { class: "kernel-grid", viewBox: `0 0 ${columns * CELL} ${rows * CELL}`, role: "img", "aria-label": label },
    ...cells,
  );
}
