/** Vector bars: one bar for each value of a vector; one of them is chosen, by pointer or arrow keys. */

import { makeSvg, make } from "/sdk/dom.js";
import { exactDigits } from "/sdk/number-format.js";

const HEIGHT = 60;

/**
 * @typedef {object} How
 * @property {number} selected Which value is chosen.
 * @property {string} dtype
 * @property {string} unit What one value is called.
 * @property {string[]} [names] What each is called; its number where left out.
 * @property {[number, number]} [ends] Of the axis; as far as the values go where left out.
 */

export class VectorBars {
  #svg = makeSvg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  #track = make("div", { class: "vector-track", role: "slider", tabIndex: 0 }, this.#svg);
  #line = make("p", { class: "number quiet" });
  /** @type {ArrayLike<number>} */
  #values = [];
  /** @type {How} */
  #how = { selected: 0, dtype: "float32", unit: "unit" };

  /**
   * @param {string} label What the values are.
   * @param {(at: number) => void} choose Called with the position that somebody chose.
   */
  constructor(label, choose) {
    const track = this.#track;
    track.setAttribute("aria-label", label);
    this.element = make("div", { class: "vector-bars" }, track, this.#line);
    const positionOf = (/** @type {MouseEvent} */ { clientX }) => {
      const { left, width } = track.getBoundingClientRect();
      return this.#within(Math.floor(((clientX - left) / width) * this.#values.length));
    };
    track.addEventListener("pointermove", (event) => this.#say(positionOf(event)));
    track.addEventListener("pointerleave", () => this.#say(this.#how.selected));
    track.addEventListener("click", (event) => choose(positionOf(event)));
    track.addEventListener("keydown", (event) => {
      const { selected } = this.#how;
      const goal = {
        ArrowRight: selected + 1,
        ArrowUp: selected + 1,
        ArrowLeft: selected - 1,
        ArrowDown: selected - 1,
        Home: 0,
        End: this.#values.length - 1,
      }[event.key];
      if (goal === undefined) return;
      event.preventDefault();
      choose(this.#within(goal));
    });
  }

  /** @param {ArrayLike<number>} values @param {How} how */
  show(values, how) {
    this.#values = values;
    this.#how = how;
    const all = Array.from(values);
    const [low, high] = how.ends ?? endsOf(all);
    const scale = HEIGHT / (high - low || 1);
    const zero = high * scale;
    const bars = all.map((value, at) => {
      const [y, height] = [zero - Math.max(value, 0) * scale, Math.abs(value) * scale];
      const kind = `${value < 0 ? "negative" : "positive"}${at === how.selected ? " selected" : ""}`;
      return makeSvg("rect", {
        x: at + 0.1,
        y,
        width: 0.8,
        height: value && Math.max(height, 0.4),
        class: kind,
      });
    });
    const column = makeSvg("rect", { x: how.selected, y: 0, width: 1, height: HEIGHT, class: "column" });
    const axis = makeSvg("line", { x1: 0, x2: all.length, y1: zero, y2: zero });
    this.#svg.setAttribute("viewBox", `0 0 ${all.length} ${HEIGHT}`);
    this.#svg.replaceChildren(column, axis, ...bars);
    this.#track.setAttribute("aria-valuemin", "0");
    this.#track.setAttribute("aria-valuemax", String(all.length - 1));
    this.#track.setAttribute("aria-valuenow", String(how.selected));
    this.#track.setAttribute("aria-valuetext", this.#textOf(how.selected));
    this.#say(how.selected);
  }

  /** @param {number} at */
  #say(at) {
    this.#line.textContent = this.#textOf(at);
  }

  /** @param {number} at */
  #textOf(at) {
    const { unit, names, dtype } = this.#how;
    return `${unit} ${names?.[at] ?? at}: ${exactDigits(this.#values[at], dtype).replace("-", "−")}`;
  }

  /** @param {number} at */
  #within(at) {
    return Math.min(Math.max(at, 0), this.#values.length - 1);
  }
}

/**
 * How far an axis goes on which these values and zero have their place.
 * @param {ArrayLike<number>} values
 * @returns {[number, number]}
 */
export function endsOf(values) {
  const all = Array.from(values);
  return [Math.min(0, ...all), Math.max(0, ...all)];
}
