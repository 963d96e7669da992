/** Heat map axes: names of the rows and columns of a single map, and labels along them. */

import { make } from "./dom.js";

const LABEL_ROOM = 34; // CSS pixels between two labels of the columns, at least
const LINE_ROOM = 14; // CSS pixels between two labels of the rows, at least

/** Axes around the frame of a heat map. */
export class HeatmapAxes {
  #rows = make("div", { class: "ticks rows", "aria-hidden": "true", hidden: true });
  #columns = make("div", { class: "ticks columns", "aria-hidden": "true", hidden: true });
  element = make("div", { class: "axes" });
  /** @type {import("./tiles.js").Tiles | null} */
  #tiles = null;

  /** @param {HTMLElement} frame */
  surround(frame) {
    this.element.append(this.#rows, frame, this.#columns);
  }

  /** Set the tiles whose axes are shown; several tiles have none. @param {import("./tiles.js").Tiles | null} tiles */
  show(tiles) {
    this.#tiles = tiles && tiles.shown.length === 1 ? tiles : null;
    this.element.classList.toggle("shown", this.#tiles !== null);
    this.#rows.hidden = this.#columns.hidden = this.#tiles === null;
  }

  /** Room that the axes take, in CSS pixels. */
  get size() {
    return this.#tiles ? { across: 44, down: 32 } : { across: 0, down: 0 };
  }

  /** Write the labels beside the painted map. @param {import("./tiles.js").Grid | null} grid */
  place(grid) {
    const tiles = this.#tiles;
    if (!tiles || !grid) return;
    const { tensor, turned } = tiles;
    const [first, second] = tensor.axes.slice(-2);
    const [down, across] = turned ? [second, first] : [first, second];
    fill(this.#rows, down, tensor.labels(down), grid.height / devicePixelRatio, LINE_ROOM, "insetBlockStart");
    fill(this.#columns, across, tensor.labels(across), grid.width / devicePixelRatio, LABEL_ROOM, "insetInlineStart");
  }
}

/**
 * Write an axis: its name, and as many labels as have room.
 * @param {HTMLElement} axis
 * @param {string} name
 * @param {(string | number)[]} labels
 * @param {number} length CSS pixels.
 * @param {number} room Of a label, in CSS pixels.
 * @param {"insetBlockStart" | "insetInlineStart"} side
 */
function fill(axis, name, labels, length, room, side) {
  const every = Math.max(1, Math.ceil((room * labels.length) / length));
  const ticks = labels.flatMap((label, at) => {
    if (at % every) return [];
    const tick = make("span", {}, String(label));
    tick.style[side] = `${((at + 0.5) * length) / labels.length}px`;
    return [tick];
  });
  axis.style[side === "insetBlockStart" ? "height" : "width"] = `${length}px`;
  axis.replaceChildren(make("b", {}, name), ...ticks);
}
