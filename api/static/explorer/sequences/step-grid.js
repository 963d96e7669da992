/** Step grid: a coloured cell for each step and unit, with the symbols of the sequence above, and the value under the pointer. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { PixelMap } from "../images/pixel-map.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** Height of a row, and least width of a column, in CSS pixels. */
const [ROW, COLUMN] = [18, 14];
/** Most steps that have their symbols above the grid. */
const MOST_SYMBOLS = 64;

/**
 * @typedef {object} Shown
 * @property {Tensor} tensor Of the axes step and unit, or of steps alone.
 * @property {string[]} symbols A text for each column: symbols of the sequence.
 * @property {import("../figures/figure.js").Tables} tables
 */

export class StepGrid {
  #rows = make("div", { class: "matrix-rows number", "aria-hidden": "true" });
  #symbols = make("div", { class: "matrix-columns number", "aria-hidden": "true" });
  #steps = make("div", { class: "matrix-columns number", "aria-hidden": "true" });
  #bar = new ColourBar();
  #map;
  #scroller;
  /** @type {Shown | null} */
  #shown = null;
  /** Step and unit that are outlined. */
  #selected = { step: NaN, unit: NaN };
  /** Cell under the pointer. @type {import("../images/pixel-map.js").Place | null} */
  #pointed = null;

  /**
   * @param {string} title
   * @param {{ read: (step: number, unit: number) => void, choose?: (step: number, unit: number) => void }} handlers `read` is
   *   called with the place under the pointer or the arrow keys, `choose` with the one that is clicked.
   */
  constructor(title, { read, choose }) {
    this.title = title;
    const at = (/** @type {import("../images/pixel-map.js").Place} */ { y, x }) => {
      const { tensor } = /** @type {Shown} */ (this.#shown);
      return /** @type {const} */ ([Number(tensor.labels("step")[x]), this.#units()[y]]);
    };
    this.#map = new PixelMap(title, {
      point: (place) => {
        this.#pointed = place;
        this.#mark();
        if (place && this.#shown) read(...at(place));
      },
      ...(choose ? { choose: (place) => this.#shown && choose(...at(place)) } : {}),
    });
    const grid = make("div", { class: "step-grid" }, make("span"), this.#symbols, this.#rows, this.#map.element, make("span"), this.#steps);
    this.#scroller = make("div", { class: "step-scroller" }, grid);
    this.element = make("figure", { class: "figure" }, make("h4", {}, title), this.#scroller, this.#bar);
  }

  /** @param {Shown} shown */
  show(shown) {
    this.#shown = shown;
    const { tensor, tables, symbols } = shown;
    const steps = tensor.labels("step");
    const units = this.#units();
    const range = rangeOf(tensor);
    const table = tables.get(range.map);
    const values = units.flatMap((_, unit) => steps.map((__, step) => this.#at(step, unit)));
    if (table) this.#map.show({ values, width: steps.length, low: range.low, high: range.high, table });
    this.#map.label = `${this.title}: ${steps.length} steps by ${units.length} units; arrow keys read the values`;
    this.#bar.range = range;
    this.#map.element.style.height = `${ROW * units.length}px`;
    this.#scroller.style.setProperty("--steps", `${COLUMN * steps.length}px`);
    this.#rows.replaceChildren(...units.map((unit) => make("span", {}, this.#isVector ? "all" : String(unit))));
    const isShort = steps.length <= MOST_SYMBOLS;
    this.#symbols.replaceChildren(...(isShort ? symbols.map((text) => make("span", {}, text)) : []));
    const every = Math.max(1, Math.ceil(steps.length / 16));
    this.#steps.replaceChildren(...steps.map((step, at) => make("span", {}, at % every ? "" : String(step))));
    this.#mark();
  }

  /** Outline a step and a unit. @param {{ step: number, unit: number }} place */
  select({ step, unit }) {
    this.#selected = { step, unit };
    this.#mark();
  }

  get #isVector() {
    return this.#shown?.tensor.axes.length === 1;
  }

  /** Labels of the rows. */
  #units() {
    const { tensor } = /** @type {Shown} */ (this.#shown);
    return this.#isVector ? [0] : tensor.labels("unit").map(Number);
  }

  /** @param {number} step @param {number} unit Indices in the tensor. */
  #at(step, unit) {
    const { tensor } = /** @type {Shown} */ (this.#shown);
    return this.#isVector ? tensor.at(step) : tensor.at(step, unit);
  }

  #mark() {
    if (!this.#shown) return;
    const step = this.#shown.tensor.labels("step").map(Number).indexOf(this.#selected.step);
    const units = this.#units();
    const unit = this.#isVector ? 0 : units.indexOf(this.#selected.unit);
    const last = { right: this.#shown.tensor.labels("step").length - 1, bottom: units.length - 1 };
    const boxes = [
      ...(step < 0 ? [] : [{ box: { top: 0, bottom: last.bottom, left: step, right: step }, kind: /** @type {const} */ ("field") }]),
      ...(unit < 0 || this.#isVector ? [] : [{ box: { top: unit, bottom: unit, left: 0, right: last.right }, kind: /** @type {const} */ ("field") }]),
      ...(this.#pointed ? [{ box: { top: this.#pointed.y, bottom: this.#pointed.y, left: this.#pointed.x, right: this.#pointed.x }, kind: /** @type {const} */ ("pointed") }] : []),
    ];
    this.#map.mark(boxes);
  }
}
