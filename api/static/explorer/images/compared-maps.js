/** Compared maps: one channel of the pictures A and B in one colour range, and the difference B − A. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { exactNumber } from "../exact-number.js";
import { endsOf, VectorBars } from "../vector-bars.js";
import { channelTensor } from "./channel-tensor.js";
import { comparisonFiles } from "./comparison-files.js";
import { difference, differenceTensor, largest } from "./differences.js";
import { PixelMap } from "./pixel-map.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/colours.js").Table} Table */
/** @typedef {import("./pixel-map.js").Place} Place */
/**
 * @typedef {object} Shown
 * @property {import("../../sdk/tensor.js").Values} values
 * @property {string} dtype
 * @property {string} map Name of the colour map.
 * @property {number} low
 * @property {number} high
 */

const NAMES = ["A", "B", "B − A"];

export class ComparedMaps {
  #tables;
  #title = make("h3");
  #figures;
  #bars;
  #maps = make("div", { class: "compare-maps" });
  #vectors = make("div", { class: "compare-vectors" });
  /** @type {Shown[]} */
  #shown = [];
  /** Values of a row of the maps. */
  #width = 1;
  /** @type {Tensor | null} */
  #difference = null;

  /**
   * @param {import("../context.js").Context} context
   * @param {Map<string, Table>} tables
   */
  constructor({ store, announce, model }, tables) {
    this.#tables = tables;
    this.model = model;
    const point = (/** @type {Place | null} */ place, /** @type {boolean} */ byKey) => {
      this.#point(place);
      if (place && byKey) announce(`Row ${place.y}, column ${place.x}: ${this.#valuesText(place)}`);
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
    this.files = comparisonFiles(() => ({ tensor: this.#difference, parts: this.#parts() }));
  }

  /**
   * Show a channel of two answers.
   * @param {Answer} first
   * @param {Answer} second
   * @param {{ layer: import("../context.js").Layer, channel: number }} chosen
   */
  show(first, second, { layer, channel }) {
    const tensors = [first, second].map((answer) => answer.tensors.get(layer.name));
    const [one, other] = tensors;
    this.element.hidden = !one || !other;
    if (!one || !other) return;
    const hasPositions = one.shape.length === 3;
    this.#maps.hidden = !hasPositions;
    this.#vectors.hidden = hasPositions;
    this.#title.textContent = hasPositions ? `${layer.name}, channel ${channel}` : layer.name;
    if (hasPositions) this.#showMaps(one, other, channel);
    else this.#showVectors(one, other, channel);
  }

  /** @param {Tensor} one @param {Tensor} other @param {number} channel */
  #showMaps(one, other, channel) {
    const ranges = [one, other].map((tensor) => rangeOf(tensor, channel));
    // A and B share one range, so that equal colours are equal values.
    const low = Math.min(...ranges.map((range) => range.low));
    const high = Math.max(...ranges.map((range) => range.high));
    this.#width = one.shape[2];
    const [values, others] = [one.slice(channel), other.slice(channel)];
    const apart = difference(values, others);
    this.#difference = differenceTensor(channelTensor(one, channel), apart);
    const most = largest(apart);
    this.#shown = [
      { values, dtype: one.dtype, map: ranges[0].map, low, high },
      { values: others, dtype: one.dtype, map: ranges[0].map, low, high },
      { values: apart, dtype: "float64", map: "RdBu", low: -most, high: most },
    ];
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
    const isOutput = one.kind === "logits";
    const how = {
      selected: channel,
      unit: isOutput ? "class" : "unit",
      names: isOutput && one.values.length === this.model.classes.length ? this.model.classes : undefined,
    };
    const apart = difference(one.values, other.values);
    // One axis for all three, so that bars of equal length are equal values.
    const ends = endsOf([one.values, other.values, apart].flatMap((values) => Array.from(values)));
    this.#difference = differenceTensor(one, apart);
    this.#shown = [];
    [one.values, other.values, apart].forEach((values, at) => {
      this.#bars[at].show(values, { ...how, ends, dtype: at < 2 ? one.dtype : "float64" });
    });
  }

  /** Show the values of all three maps at a position; null for their ranges. @param {Place | null} place */
  #point(place) {
    this.#figures.forEach(({ map, value }, at) => {
      const { values, dtype, low, high } = this.#shown[at];
      map.mark(
        place
          ? [{ box: { top: place.y, bottom: place.y, left: place.x, right: place.x }, kind: "pointed" }]
          : [],
      );
      if (place) {
        map.at = place;
        value.replaceChildren(
          `(${place.y}, ${place.x}) `,
          exactNumber(this.#at(values, place), dtype, formatNumber(this.#at(values, place), 7)),
        );
      } else value.textContent = `${formatNumber(low)} to ${formatNumber(high)}`;
    });
  }

  /** Maps on display, for the saved picture; none for a dense layer. */
  #parts() {
    return this.#shown.map(({ map, low, high }, at) => {
      const title = `${NAMES[at]} · ${this.#title.textContent}`;
      return {
        title,
        canvas: this.#figures[at].map.canvas,
        range: `${formatNumber(low)} to ${formatNumber(high)}, ${map}`,
      };
    });
  }

  /** @param {ArrayLike<number>} values @param {Place} place */
  #at(values, { y, x }) {
    return values[y * this.#width + x];
  }

  /** Values of all three maps as text. @param {Place} place */
  #valuesText(place) {
    return this.#shown
      .map(({ values }, at) => `${NAMES[at]} ${formatNumber(this.#at(values, place))}`)
      .join(", ");
  }
}
