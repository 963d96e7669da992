/** Connections: bands between the columns of the network, and lines from and to the selected channel. */

import { makeSvg } from "/sdk/dom.js";

/** @typedef {import("./network.js").Column} Column */
/** @typedef {{ left: number, right: number, top: number, bottom: number }} Area */

/** SVG behind the columns. */
export class Connections {
  element = makeSvg("svg", { class: "flow", "aria-hidden": "true" });
  #strip;
  #frame = 0;

  /** @param {HTMLElement} strip */
  constructor(strip) {
    this.#strip = strip;
  }

  /**
   * Draw the connections in the next frame, when the browser has laid out the columns.
   * @param {Column[]} columns
   * @param {string} layer The selected one.
   * @param {number} channel
   */
  draw(columns, layer, channel) {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw(columns, layer, channel));
  }

  /** @param {Column[]} columns @param {string} layer @param {number} channel */
  #draw(columns, layer, channel) {
    const areas = columns.map((column) => this.#area(column));
    const bands = [];
    const lines = [];
    for (let at = 1; at < columns.length; at += 1) {
      const [from, to] = [areas[at - 1], areas[at]];
      if (!from || !to) continue;
      bands.push(makeSvg("path", { d: band(from, to) }));
      const isInto = columns[at].stage.layer === layer;
      const isOutOf = columns[at - 1].stage.layer === layer;
      if (isInto || isOutOf) lines.push(...this.#lines(columns[at - 1], columns[at], from, to, isInto, channel));
    }
    this.element.replaceChildren(
      makeSvg("g", { class: "bands" }, ...bands),
      makeSvg("g", { class: "lines" }, ...lines.map((d) => makeSvg("path", { d }))),
    );
  }

  /**
   * Lines between the selected channel and its inputs in the column before, or its readers in the next.
   * @param {Column} before
   * @param {Column} after
   * @param {Area} from
   * @param {Area} to
   * @param {boolean} isInto Whether the selected channel is in the column after.
   * @param {number} channel
   */
  #lines(before, after, from, to, isInto, channel) {
    const chosen = this.#middle(isInto ? after : before, channel);
    if (chosen === null) return [];
    const others = isInto ? before : after;
    const heights = after.stage.reads === "same" ? [this.#middle(others, channel)] : this.#rows(others);
    return heights
      .filter((height) => height !== null)
      .map((height) => curve(from.right, isInto ? height : chosen, to.left, isInto ? chosen : height));
  }

  /** Height of the middle of every row of tiles. @param {Column} column */
  #rows(column) {
    const heights = Array.from({ length: column.channels }, (_, channel) => this.#middle(column, channel));
    return Array.from(new Set(heights));
  }

  /** @param {Column} column @param {number} channel */
  #middle(column, channel) {
    const box = column.boxOf(channel);
    return box && box.top + box.height / 2 - this.#strip.getBoundingClientRect().top;
  }

  /** Area of a column's tiles, relative to the strip. @param {Column} column @returns {Area | null} */
  #area(column) {
    const [first, last] = [column.boxOf(0), column.boxOf(column.channels - 1)];
    const across = column.boxOf(Math.min(column.stage.columns, column.channels) - 1);
    if (!first || !last || !across) return null;
    const { left, top } = this.#strip.getBoundingClientRect();
    return { left: first.left - left, right: across.right - left, top: first.top - top, bottom: last.bottom - top };
  }
}

/** @param {Area} from @param {Area} to */
function band(from, to) {
  const middle = (from.right + to.left) / 2;
  return [
    `M${from.right},${from.top}C${middle},${from.top} ${middle},${to.top} ${to.left},${to.top}`,
    `L${to.left},${to.bottom}C${middle},${to.bottom} ${middle},${from.bottom} ${from.right},${from.bottom}Z`,
  ].join("");
}

/** @param {number} x @param {number} y @param {number} toX @param {number} toY */
function curve(x, y, toX, toY) {
  const middle = (x + toX) / 2;
  return `M${x},${y}C${middle},${y} ${middle},${toY} ${toX},${toY}`;
}
