/** Line chart: curves over a common axis, with the values under the pointer as text. */

import { make, makeSvg } from "../sdk/dom.js";
import { formatNumber } from "../sdk/number-format.js";

const WIDTH = 320;
const HEIGHT = 130;
const LEFT = 38;
const BOTTOM = 18;
/** Height of a line of text. */
const LINE = 11;
/** Colours of curves; of more they begin again. */
const COLOURS = 8;

/**
 * @typedef {object} Curve
 * @property {string} name
 * @property {ArrayLike<number>} values
 */
/**
 * @typedef {object} Axis
 * @property {string} unit Name of a position on the axis, such as step.
 * @property {(number | string)[]} names Labels of the positions.
 * @property {[number, number]} [ends] Range of the vertical axis; that of the values and zero where left out.
 * @property {number} [reference] Height of a horizontal line.
 */

export class LineChart {
  #svg = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  #values = make("p", { class: "number quiet" });
  /** @type {Curve[]} */
  #curves = [];
  /** @type {Axis} */
  #axis = { unit: "step", names: [] };
  /** Position under the pointer; null for the last. @type {number | null} */
  #pointed = null;

  /** @param {string} label Title for screen readers. */
  constructor(label) {
    this.label = label;
    this.#svg.setAttribute("aria-label", label);
    this.element = make("figure", { class: "line-chart" }, this.#svg, this.#values);
    this.#svg.addEventListener("pointermove", (event) => {
      const { left, width } = this.#svg.getBoundingClientRect();
      const along = (((event.clientX - left) / width) * WIDTH - LEFT) / (WIDTH - LEFT - 4);
      this.#pointed = Math.round(along * (this.#axis.names.length - 1));
      this.#showValues();
    });
    this.#svg.addEventListener("pointerleave", () => {
      this.#pointed = null;
      this.#showValues();
    });
  }

  /** @param {Curve[]} curves @param {Axis} axis */
  show(curves, axis) {
    this.#curves = curves;
    this.#axis = axis;
    const all = curves.flatMap(({ values }) => Array.from(values));
    const [low, high] = axis.ends ?? [Math.min(0, ...all), Math.max(0, ...all)];
    const x = (/** @type {number} */ at) => LEFT + (at / Math.max(1, axis.names.length - 1)) * (WIDTH - LEFT - 4);
    const y = (/** @type {number} */ value) => 4 + ((high - value) / (high - low || 1)) * (HEIGHT - BOTTOM - 8);
    const marks = [low, 0, ...(axis.reference === undefined ? [] : [axis.reference]), high].filter((mark, at, marks) => marks.indexOf(mark) === at && mark >= low);
    // Of two marks that are close, such as a reference of 0.99 and an end of 1, the first has its number.
    const isFree = (/** @type {number} */ mark, /** @type {number} */ at) => marks.slice(0, at).every((one) => Math.abs(y(one) - y(mark)) >= LINE);
    const levels = marks.flatMap((mark, at) => [
      makeSvg("line", { x1: LEFT, x2: WIDTH, y1: y(mark), y2: y(mark), class: mark === 0 || mark === axis.reference ? "zero" : "level" }),
      ...(isFree(mark, at) ? [makeSvg("text", { x: LEFT - 5, y: y(mark) + 3, class: "end" }, formatNumber(mark, 2))] : []),
    ]);
    const ends = [0, axis.names.length - 1].map((at) =>
      makeSvg("text", { x: x(at), y: HEIGHT - 4, class: at ? "end" : "start" }, String(axis.names[at])),
    );
    const lines = curves.map(({ values }, index) =>
      makeSvg("polyline", {
        points: Array.from(values, (value, at) => `${x(at)},${y(value)}`).join(" "),
        class: `curve curve-${index % COLOURS}`,
      }),
    );
    this.#svg.replaceChildren(...levels, ...ends, ...lines);
    this.#svg.setAttribute("aria-label", `${this.label}: ${curves.map(({ name }) => name).join(", ")}`);
    this.#showValues();
  }

  /** Write the values of all curves under the pointer, or at the end. */
  #showValues() {
    const { names, unit } = this.#axis;
    if (!names.length) return;
    const place = Math.min(Math.max(this.#pointed ?? Infinity, 0), names.length - 1);
    const texts = this.#curves.map(({ name, values }, index) =>
      make("span", { class: `key key-${index % COLOURS}` }, `${name} ${formatNumber(values[place], 3)}`),
    );
    this.#values.replaceChildren(`${unit} ${names[place]}: `, ...texts);
  }
}
