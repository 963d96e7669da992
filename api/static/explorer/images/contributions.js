/** Contributions: the terms of one value by input channel, each the sum of patch times kernel. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactNumber } from "../exact-number.js";
import { kernelGrid } from "./kernel-grid.js";
import { drawKernels, inRows } from "./kernel-tiles.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** @typedef {import("../context.js").Layer} Layer */

const FACTORS = ["patch", "kernel", "products"];
const SHOWN = 6;
const OTHER = /** @type {Record<string, string>} */ ({ size: "index", index: "size" });
const NAMES = /** @type {Record<string, string>} */ ({ size: "largest first", index: "by number" });

export class Contributions {
  #store;
  #tables;
  #noun;
  #order = "size";
  #isFolded = true;
  #rows = make("ol", { class: "contributions" });
  #controls = make("div", { class: "row" });
  #bars = FACTORS.map(() => new ColourBar());
  #legend = make(
    "div",
    { class: "legend" },
    ...FACTORS.map((name, at) => make("div", {}, name, this.#bars[at])),
  );
  /** @type {[Map<string, Tensor>, Layer | undefined] | null} */
  #shown = null;

  /**
   * @param {import("../store.js").StateStore} store
   * @param {Map<string, import("../../sdk/colours.js").Table>} tables
   * @param {string} noun Of the network's input, such as digit.
   */
  constructor(store, tables, noun) {
    this.#noun = noun;
    this.#store = store;
    this.#tables = tables;
    this.element = make("div");
  }

  /**
   * Show patch, kernel and products of the first convolution, which has one input channel.
   * @param {Map<string, Tensor>} tensors
   */
  showOne(tensors) {
    this.#shown = null;
    const inside = tensors.get("inside");
    const outside = (/** @type {number} */ at) => inside?.values[at] === 0;
    const [patch, kernel, products] = FACTORS.map((name) => {
      const tensor = /** @type {Tensor} */ (tensors.get(name));
      const isPatch = name === "patch";
      const label =
        { patch: `The patch of the ${this.#noun}`, kernel: "The kernel", products: "Their products" }[name] ?? "";
      const colours = this.#coloursOf(tensor, isPatch ? "gray" : undefined);
      const grid = kernelGrid(label, tensor.slice(0), colours, {
        dtype: tensor.dtype,
        columns: tensor.shape[2],
        outside: isPatch ? outside : undefined,
      });
      return make("figure", {}, grid, make("figcaption", { class: "quiet" }, name));
    });
    const sign = (/** @type {string} */ text) => make("span", { class: "sign", "aria-hidden": "true" }, text);
    this.element.replaceChildren(
      make("div", { class: "textbook" }, patch, sign("×"), kernel, sign("="), products),
    );
  }

  /**
   * Show a row for each input channel.
   * @param {Map<string, Tensor>} tensors
   * @param {Layer | undefined} source Layer that the kernel reads; undefined for the network's input.
   */
  showMany(tensors, source) {
    this.#shown = [tensors, source];
    const tensor = /** @type {Tensor} */ (tensors.get("contributions"));
    const values = Array.from(tensor.values);
    const order = values.map((_, at) => at);
    if (this.#order === "size") order.sort((one, other) => Math.abs(values[other]) - Math.abs(values[one]));
    const shown = this.#isFolded ? order.slice(0, SHOWN) : order;
    const most = Math.max(...values.map(Math.abs)) || 1;
    const rows = shown.map((at) => this.#row(tensors, source, at, most));
    if (this.#isFolded && order.length > SHOWN)
      rows.push(
        this.#rest(
          order.slice(SHOWN).map((at) => values[at]),
          most,
        ),
      );
    this.#rows.replaceChildren(...rows);
    this.#controls.replaceChildren(...(values.length > SHOWN ? this.#buttons(values.length) : []));
    FACTORS.forEach(
      (name, at) => (this.#bars[at].range = rangeOf(/** @type {Tensor} */ (tensors.get(name)))),
    );
    this.element.replaceChildren(this.#controls, this.#rows, this.#legend);
  }

  /** @param {Map<string, Tensor>} tensors @param {Layer | undefined} source @param {number} at @param {number} most */
  #row(tensors, source, at, most) {
    const from = source?.name ?? "input";
    // A grouped convolution reads some of the channels, whose numbers are the labels.
    const contributions = /** @type {Tensor} */ (tensors.get("contributions"));
    const channel = Number(contributions.labels("input_channel")[at]);
    const pick = make(
      "button",
      { type: "button", class: "number", title: `Look at ${from}, channel ${channel}`, disabled: !source },
      String(channel),
    );
    pick.setAttribute("aria-label", `${from}, channel ${channel}`);
    pick.addEventListener("click", () => source && this.#store.set({ layer: source.name, channel }));
    const tiles = FACTORS.map((name) => {
      const tensor = /** @type {Tensor} */ (tensors.get(name));
      const canvas = make("canvas", { role: "img", "aria-label": `${name} of channel ${channel}` });
      canvas.title = `${name}\n${inRows(tensor.slice(at), tensor.shape[2])}`;
      drawKernels(canvas, [tensor.slice(at)], { columns: 1, width: tensor.shape[2] }, this.#coloursOf(tensor));
      return canvas;
    });
    const sign = (/** @type {string} */ text) => make("span", { class: "sign", "aria-hidden": "true" }, text);
    const trio = make("span", { class: "trio" }, tiles[0], sign("×"), tiles[1], sign("→"), tiles[2]);
    const value = contributions.values[at];
    return make("li", {}, pick, trio, bar(value, most), exactNumber(value, "float64"));
  }

  /** @param {number[]} values @param {number} most */
  #rest(values, most) {
    const sum = values.reduce((total, value) => total + value, 0);
    const label = make("span", { class: "quiet" }, `sum of the other ${values.length}`);
    return make("li", { class: "rest" }, label, bar(sum, most), exactNumber(sum, "float64"));
  }

  /** @param {number} count */
  #buttons(count) {
    const order = make("button", { type: "button", class: "chip" }, NAMES[this.#order]);
    order.setAttribute("aria-label", `Order: ${NAMES[this.#order]}; change to ${NAMES[OTHER[this.#order]]}`);
    const fold = make(
      "button",
      { type: "button", class: "chip" },
      this.#isFolded ? `show all ${count}` : `show ${SHOWN}`,
    );
    order.addEventListener("click", () => this.#redraw(() => (this.#order = OTHER[this.#order]), 0));
    fold.addEventListener("click", () => this.#redraw(() => (this.#isFolded = !this.#isFolded), 1));
    return [order, fold];
  }

  /** Change the list and draw it again. @param {() => void} change @param {number} focused Index of the button that keeps the focus. */
  #redraw(change, focused) {
    change();
    if (this.#shown) this.showMany(...this.#shown);
    /** @type {HTMLElement} */ (this.#controls.children[focused]).focus();
  }

  /** @param {Tensor} tensor @param {string} [other] Name of another colour map. */
  #coloursOf(tensor, other) {
    const range = rangeOf(tensor);
    return {
      ...range,
      table: /** @type {import("../../sdk/colours.js").Table} */ (this.#tables.get(other ?? range.map)),
    };
  }
}

/**
 * Draw a bar from the middle, to the right for positive values, to the left for negative ones.
 * @param {number} value
 * @param {number} most Magnitude of the longest bar.
 */
function bar(value, most) {
  const length = Math.min((50 * Math.abs(value)) / most, 50);
  const fill = make("span", { class: value < 0 ? "fill negative" : "fill positive" });
  fill.style.width = `${length}%`;
  fill.style.left = `${value < 0 ? 50 - length : 50}%`;
  return make("span", { class: "balance", "aria-hidden": "true" }, fill);
}
