/**
 * Connections: bands between adjacent columns of the network, arcs below the columns to those further on, and
 * lines from and to the selected channel.
 */

import { makeSvg } from "../../sdk/dom.js";

/** @typedef {import("./network.js").Column} Column */
/** @typedef {{ left: number, right: number, top: number, bottom: number, floor: number }} Area `floor` is below the colour bar. */

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
    const names = columns.map(({ stage }) => stage.layer);
    const links = columns.flatMap(({ stage }, to) => stage.inputs.map((input) => ({ from: names.indexOf(input), to })));
    const bands = [];
    const lines = [];
    for (const { from, to } of links) {
      const [before, after] = [areas[from], areas[to]];
      if (from !== to - 1 || !before || !after) continue;
      bands.push(makeSvg("path", { d: band(before, after) }));
      const [isInto, isOutOf] = [names[to] === layer, names[from] === layer];
      if (isInto || isOutOf) lines.push(...this.#lines(columns[from], columns[to], before, after, isInto, channel));
    }
    const skips = levelsOf(links.filter(({ from, to }) => from >= 0 && from < to - 1));
    this.#strip.style.setProperty("--skips", String(1 + Math.max(-1, ...skips.map(({ level }) => level))));
    const arcs = skips.map(({ from, to, level }) => {
      const d = arc(areas.slice(from, to + 1), level);
      return makeSvg("path", { d, class: [from, to].some((at) => names[at] === layer) ? "chosen" : "" });
    });
    this.element.replaceChildren(
      makeSvg("g", { class: "bands" }, ...bands),
      makeSvg("g", { class: "skips" }, ...arcs),
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
    return { left: first.left - left, right: across.right - left, top: first.top - top, bottom: last.bottom - top, floor: column.bottom() - top };
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

const ARC_GAP = 12;
const ARC_STEP = 9;
const ARC_ROUND = 6;

/**
 * Give arcs that overlap different levels, the short ones first.
 * @param {{ from: number, to: number }[]} links
 */
function levelsOf(links) {
  /** @type {{ from: number, to: number, level: number }[]} */
  const placed = [];
  for (const link of [...links].sort((one, other) => one.to - one.from - (other.to - other.from))) {
    const taken = placed.filter(({ from, to }) => from < link.to && link.from < to).map(({ level }) => level);
    placed.push({ ...link, level: taken.length ? Math.max(...taken) + 1 : 0 });
  }
  return placed;
}

/**
 * Arc from the bottom of the first area, below all of them, to the bottom of the last, with an arrow.
 * @param {(Area | null)[]} areas
 * @param {number} level
 */
function arc(areas, level) {
  const known = areas.filter((area) => area !== null);
  const [from, to] = [areas[0], areas[areas.length - 1]];
  if (!from || !to) return "";
  // Arcs end left and right of the middle, so that those of neighbouring columns do not meet.
  const [x, toX] = [(from.left + from.right) / 2 + 8 + 3 * level, (to.left + to.right) / 2 - 8 - 3 * level];
  const y = Math.max(...known.map(({ floor }) => floor)) + ARC_GAP + ARC_STEP * level;
  return [
    `M${x},${from.floor + 2}V${y - ARC_ROUND}Q${x},${y} ${x + ARC_ROUND},${y}`,
    `H${toX - ARC_ROUND}Q${toX},${y} ${toX},${y - ARC_ROUND}V${to.floor + 3}`,
    `m-3.5,5l3.5,-5l3.5,5`,
  ].join("");
}
