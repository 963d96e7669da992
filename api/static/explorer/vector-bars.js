/** Vector bars: a bar for each value of a vector, one of them selected by pointer or arrow keys, with a scale and a label below each bar that has room. */

import { isShortcut, make, makeSvg } from "../sdk/dom.js";
import { exactDigits, formatNumber } from "../sdk/number-format.js";

const HEIGHT = 60;
/** Characters of all labels below the bars, each with the space before it. */
const MOST_CHARACTERS = 48;

/**
 * @typedef {object} Options
 * @property {number} selected Index of the selected value.
 * @property {string} dtype
 * @property {string} unit Name of a value, such as channel.
 * @property {string[]} [names] Labels; the indices where left out.
 * @property {string[]} [ticks] Texts below the bars, which may have two lines; the labels where left out.
 * @property {[number, number]} [ends] Range of the axis; that of the values and zero where left out.
 */

export class VectorBars {
  #svg = makeSvg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  #track = make("div", { class: "vector-track", role: "slider", tabIndex: 0 }, this.#svg);
  #scale = make("div", { class: "vector-scale number", "aria-hidden": "true" });
  #ticks = make("div", { class: "vector-ticks number", "aria-hidden": "true" });
  #line = make("p", { class: "number quiet" });
  /** @type {ArrayLike<number>} */
  #values = [];
  /** @type {Options} */
  #options = { selected: 0, dtype: "float32", unit: "unit" };
  /** Value under the pointer; null for the selected one. @type {number | null} */
  #pointed = null;

  /**
   * @param {string} label For screen readers.
   * @param {(at: number) => void} choose Called with the index that was chosen.
   */
  constructor(label, choose) {
    const track = this.#track;
    track.setAttribute("aria-label", label);
    this.element = make("div", { class: "vector-bars" }, this.#scale, track, this.#ticks, this.#line);
    const positionOf = (/** @type {MouseEvent} */ { clientX }) => {
      const { left, width } = track.getBoundingClientRect();
      return this.#within(Math.floor(((clientX - left) / width) * this.#values.length));
    };
    const point = (/** @type {number | null} */ at) => {
      this.#pointed = at;
      this.#showText();
    };
    track.addEventListener("pointermove", (event) => point(positionOf(event)));
    track.addEventListener("pointerleave", () => point(null));
    track.addEventListener("click", (event) => choose(positionOf(event)));
    track.addEventListener("keydown", (event) => {
      const { selected } = this.#options;
      const next = {
        ArrowRight: selected + 1,
        ArrowUp: selected + 1,
        ArrowLeft: selected - 1,
        ArrowDown: selected - 1,
        Home: 0,
        End: this.#values.length - 1,
      }[event.key];
      if (next === undefined || isShortcut(event)) return;
      event.preventDefault();
      choose(this.#within(next));
    });
  }

  /** @param {ArrayLike<number>} values @param {Options} options */
  show(values, options) {
    this.#values = values;
    this.#options = options;
    const all = Array.from(values);
    const [low, high] = options.ends ?? endsOf(all);
    const scale = HEIGHT / (high - low || 1);
    const zero = high * scale;
    const bars = all.map((each, at) => {
      const value = each || 0; // NaN is not computed yet
      const [y, height] = [zero - Math.max(value, 0) * scale, Math.abs(value) * scale];
      const kind = `${value < 0 ? "negative" : "positive"}${at === options.selected ? " selected" : ""}`;
      return makeSvg("rect", {
        x: at + 0.1,
        y,
        width: 0.8,
        height: value && Math.max(height, 0.4),
        class: kind,
      });
    });
    const column = makeSvg("rect", { x: options.selected, y: 0, width: 1, height: HEIGHT, class: "column" });
    const axis = makeSvg("line", { x1: 0, x2: all.length, y1: zero, y2: zero });
    this.#svg.setAttribute("viewBox", `0 0 ${all.length} ${HEIGHT}`);
    this.#svg.replaceChildren(column, axis, ...bars);
    this.#scale.replaceChildren(...[high, low].map((end) => make("span", {}, Number.isFinite(end) ? formatNumber(end, 2) : "")));
    this.#ticks.replaceChildren(...ticksOf(options, all.length).map((text) => make("span", {}, text)));
    this.#track.setAttribute("aria-valuemin", "0");
    this.#track.setAttribute("aria-valuemax", String(all.length - 1));
    this.#track.setAttribute("aria-valuenow", String(options.selected));
    this.#track.setAttribute("aria-valuetext", this.#textOf(options.selected));
    this.#showText();
  }

  /** Write the value under the pointer, or the selected one. */
  #showText() {
    this.#line.textContent = this.#textOf(this.#within(this.#pointed ?? this.#options.selected));
  }

  /** @param {number} at */
  #textOf(at) {
    const { unit, names, dtype } = this.#options;
    const value = this.#values[at];
    return `${unit} ${names?.[at] ?? at}: ${Number.isNaN(value) ? "not computed yet" : exactDigits(value, dtype).replace("-", "−")}`;
  }

  /** @param {number} at */
  #within(at) {
    return Math.min(Math.max(at, 0), this.#values.length - 1);
  }
}

/** Labels of the bars; empty for bars between those that have room for theirs. @param {Options} options @param {number} count */
function ticksOf({ names, ticks = names }, count) {
  const all = Array.from({ length: count }, (_, at) => ticks?.[at] ?? String(at));
  const longest = Math.max(0, ...all.flatMap((text) => text.split("\n")).map(({ length }) => length));
  const every = Math.ceil((count * (longest + 1)) / MOST_CHARACTERS);
  return all.map((text, at) => (at % every ? "" : text));
}

/**
 * Range of an axis that includes the values and zero.
 * @param {ArrayLike<number>} values
 * @returns {[number, number]}
 */
export function endsOf(values) {
  const all = Array.from(values);
  return [Math.min(0, ...all), Math.max(0, ...all)];
}
