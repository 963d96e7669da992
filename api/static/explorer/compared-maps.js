/** Compared maps: one channel for A and for B in the same colours, and B − A. */

import { ColourBar } from "/sdk/colour-bar.js";
import { rangeOf } from "/sdk/colours.js";
import { make } from "/sdk/elements.js";
import { readable } from "/sdk/numbers.js";
import { difference, largest } from "./differences.js";
import { save } from "./downloads.js";
import { exact } from "./exact.js";
import { oneChannel } from "./one-channel.js";
import { PixelMap } from "./pixel-map.js";
import { VectorBars } from "./vector-bars.js";

/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/colours.js").Table} Table */
/** @typedef {import("./pixel-map.js").Place} Place */
/** @typedef {{ values: import("/sdk/tensor.js").Values, dtype: string, map: string, low: number, high: number }} Shown */

const NAMES = ["A", "B", "B − A"];
const ENLARGED = 240;

export class ComparedMaps {
  #tables;
  #title = make("h3");
  #figures;
  #bars;
  #maps = make("div", { class: "compare-maps" });
  #vectors = make("div", { class: "compare-vectors" });
  /** @type {Shown[]} */
  #shown = [];
  /** @type {Tensor | null} */
  #difference = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {Map<string, Table>} tables
   */
  constructor({ store, announce, cnn }, tables) {
    this.#tables = tables;
    this.cnn = cnn;
    const point = (/** @type {Place | null} */ place, /** @type {boolean} */ byKey) => {
      this.#point(place);
      if (place && byKey) announce(`Row ${place.y}, column ${place.x}: ${this.#said(place)}`);
    };
    this.#figures = NAMES.map((name) => {
      const map = new PixelMap(name, { point });
      const bar = new ColourBar();
      const value = make("p", { class: "number compare-value" });
      this.#maps.append(make("figure", {}, make("figcaption", {}, name), map.element, bar, value));
      return { map, bar, value };
    });
    this.#bars = NAMES.map((name) => {
      const bars = new VectorBars(name, (channel) => store.set({ channel }));
      this.#vectors.append(make("div", {}, make("p", { class: "quiet" }, name), bars.element));
      return bars;
    });
    this.element = make("div", {}, this.#title, this.#maps, this.#vectors);
    this.downloads = this.#menu();
  }

  /**
   * Show a channel of two answers.
   * @param {Answer} first
   * @param {Answer} second
   * @param {{ layer: import("./context.js").Layer, channel: number }} chosen
   */
  show(first, second, { layer, channel }) {
    const tensors = [first, second].map((answer) => answer.tensors.get(layer.name));
    const [one, other] = tensors;
    this.element.hidden = !one || !other;
    if (!one || !other) return;
    const hasPlaces = one.shape.length === 3;
    this.#maps.hidden = !hasPlaces;
    this.#vectors.hidden = hasPlaces;
    this.#title.textContent = hasPlaces ? `${layer.name}, channel ${channel}` : layer.name;
    if (hasPlaces) this.#showMaps(one, other, channel);
    else this.#showVectors(one, other, channel);
  }

  /** @param {Tensor} one @param {Tensor} other @param {number} channel */
  #showMaps(one, other, channel) {
    const ranges = [one, other].map((tensor) => rangeOf(tensor, channel));
    // A and B share one range: the same colour is the same number.
    const low = Math.min(...ranges.map((range) => range.low));
    const high = Math.max(...ranges.map((range) => range.high));
    const [values, others] = [one.slice(channel), other.slice(channel)];
    const apart = difference(values, others);
    const most = largest(apart);
    this.#shown = [
      { values, dtype: one.dtype, map: ranges[0].map, low, high },
      { values: others, dtype: one.dtype, map: ranges[0].map, low, high },
      { values: apart, dtype: "float64", map: "RdBu", low: -most, high: most },
    ];
    this.#difference = oneChannel(one, channel, apart, { name: `${one.name}.${channel}.difference`, kind: "difference" });
    this.#difference.colour = { map: "RdBu", vmin: -most, vmax: most, scope: "layer" };
    this.#figures.forEach(({ map, bar }, at) => {
      const shown = this.#shown[at];
      map.show({ ...shown, width: one.shape[2], table: /** @type {Table} */ (this.#tables.get(shown.map)) });
      map.label = `${NAMES[at]}: ${one.name}, channel ${channel}; arrow keys read the values`;
      bar.range = shown;
    });
    this.#point(null);
  }

  /** @param {Tensor} one @param {Tensor} other @param {number} channel */
  #showVectors(one, other, channel) {
    const isOutput = one.name === "logits";
    const how = { selected: channel, unit: isOutput ? "digit" : "unit", names: isOutput ? this.cnn.classes : undefined };
    const apart = difference(one.values, other.values);
    this.#difference = null;
    this.#shown = [];
    [one.values, other.values, apart].forEach((values, at) => {
      this.#bars[at].show(values, { ...how, dtype: at < 2 ? one.dtype : "float64" });
    });
  }

  /** Show the values of all three at one place. @param {Place | null} place */
  #point(place) {
    this.#figures.forEach(({ map, value }, at) => {
      const { values, dtype, low, high } = this.#shown[at];
      map.mark(place ? [{ box: { top: place.y, bottom: place.y, left: place.x, right: place.x }, kind: "pointed" }] : []);
      if (place) {
        map.at = place;
        value.replaceChildren(`(${place.y}, ${place.x}) `, exact(this.#at(values, place), dtype, readable(this.#at(values, place), 7)));
      } else value.textContent = `${readable(low)} to ${readable(high)}`;
    });
  }

  /** @param {ArrayLike<number>} values @param {Place} place */
  #at(values, { y, x }) {
    const width = Math.sqrt(values.length);
    return values[y * width + x];
  }

  /** @param {Place} place */
  #said(place) {
    return this.#shown.map(({ values }, at) => `${NAMES[at]} ${readable(this.#at(values, place))}`).join(", ");
  }

  /** The three maps side by side, as they are on the page. */
  async #picture() {
    const canvas = make("canvas", { width: 3 * ENLARGED + 40, height: ENLARGED + 60 });
    const context = canvas.getContext("2d");
    if (!context) return null;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    context.font = "14px sans-serif";
    context.fillStyle = "#111";
    this.#figures.forEach(({ map }, at) => {
      const left = 10 + at * (ENLARGED + 10);
      const { low, high, map: colours } = this.#shown[at];
      context.fillText(`${NAMES[at]} · ${this.#title.textContent}`, left, 22, ENLARGED);
      context.drawImage(map.canvas, left, 32, ENLARGED, ENLARGED);
      context.fillText(`${readable(low)} to ${readable(high)}, ${colours}`, left, ENLARGED + 50, ENLARGED);
    });
    return new Promise((/** @type {(made: Blob | null) => void} */ done) => canvas.toBlob(done));
  }

  /** The server knows no differences, so the page writes these files itself. */
  #menu() {
    const menu = make("details", { class: "downloads" }, make("summary", {}, "Save"));
    const forms = /** @type {Record<string, (tensor: Tensor) => Promise<Blob | null> | Blob>} */ ({
      PNG: () => this.#picture(),
      JSON: (tensor) => new Blob([JSON.stringify({ ...tensor.description, encoding: "nested", data: tensor.toNested() })], { type: "application/json" }),
      CSV: (tensor) => new Blob([tensor.toCSV()], { type: "text/csv" }),
    });
    const buttons = Object.entries(forms).map(([name, write]) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", async () => {
        const content = this.#difference && (await write(this.#difference));
        if (content && this.#difference) save(content, `${this.#difference.name}.${name.toLowerCase()}`);
        menu.open = false;
      });
      return button;
    });
    menu.append(make("div", { class: "menu" }, ...buttons));
    return menu;
  }
}
