/** Compared maps: a channel of each side in one colour range, and the difference B − A where both have one shape. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { comparisonFiles } from "../compare/comparison-files.js";
import { agreement, commonRange, difference, differenceTensor, largest } from "../compare/differences.js";
import { exactNumber } from "../exact-number.js";
import { endsOf, VectorBars } from "../vector-bars.js";
import { channelTensor } from "./channel-tensor.js";
import { PixelMap } from "./pixel-map.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../../sdk/colours.js").Table} Table */
/** @typedef {import("./pixel-map.js").Place} Place */
/** @typedef {{ tensor: Tensor, channel: number }} Compared Layer of a side, and a channel of it. */
/**
 * @typedef {object} Shown
 * @property {import("../../sdk/tensor.js").Values} values
 * @property {number} width Values of a row.
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
  #facts = make("p", { class: "quiet compare-facts" });
  /** @type {Shown[]} */
  #shown = [];
  /** @type {Record<string, Tensor>} */
  #sides = {};
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
      const element = make("figure", {}, make("figcaption", {}, name), map.element, bar, value);
      this.#maps.append(element);
      return { element, map, bar, value };
    });
    this.#bars = NAMES.map((name) => {
      const bars = new VectorBars(name, (channel) => store.set({ channel }));
      this.#vectors.append(make("div", {}, make("p", { class: "quiet" }, name), bars.element));
      return bars;
    });
    this.element = make("div", {}, this.#title, this.#maps, this.#vectors, this.#facts);
    this.files = comparisonFiles(() => ({ tensor: this.#difference, sides: this.#sides, parts: this.#parts() }));
  }

  /**
   * Show a channel of two sides.
   * @param {Compared} one
   * @param {Compared} other
   * @param {{ title: string, isOne: boolean, isOwn: boolean }} how `isOne`: of dense layers two single units are compared, not all;
   *   `isOwn`: the colours have the range of the two maps, not that of their layers, which may be apart.
   */
  show(one, other, { title, isOne, isOwn }) {
    const [areMaps, areVectors] = [3, 1].map((axes) => [one, other].every(({ tensor }) => tensor.shape.length === axes));
    const isVector = areVectors && !isOne && one.tensor.shape[0] === other.tensor.shape[0];
    this.#title.textContent = title;
    this.#maps.hidden = !areMaps;
    this.#vectors.hidden = !isVector;
    this.#shown = [];
    this.#difference = null;
    if (areMaps) this.#showMaps(one, other, isOwn);
    else if (isVector) this.#showVectors(one, other);
    else if (areVectors && isOne) this.#showUnits(one, other);
    else this.#facts.textContent = apartText(one, other);
  }

  /** @param {Compared} one @param {Compared} other @param {boolean} isOwn */
  #showMaps(one, other, isOwn) {
    const sides = [one, other].map(({ tensor, channel }) => channelTensor(tensor, channel));
    const [first, second] = sides;
    const ofLayers = commonRange(one.tensor, other.tensor, [one.channel, other.channel]);
    const range = isOwn ? ownRange(ofLayers.map, sides) : ofLayers;
    this.#shown = sides.map(({ values, shape, dtype }) => ({ values, width: shape[1], dtype, ...range }));
    const areEqual = first.shape.join() === second.shape.join();
    this.#figures[2].element.hidden = !areEqual;
    if (areEqual) {
      const apart = this.#keep(first, second);
      const most = largest(apart);
      this.#shown.push({ values: apart, width: first.shape[1], dtype: "float64", map: "RdBu", low: -most, high: most });
    } else this.#facts.textContent = apartText(one, other);
    this.#shown.forEach((shown, at) => {
      const { map, bar } = this.#figures[at];
      map.show({ ...shown, table: /** @type {Table} */ (this.#tables.get(shown.map)) });
      map.label = `${NAMES[at]}: ${this.#title.textContent}; arrow keys read the values`;
      bar.range = shown;
    });
    this.#point(null);
  }

  /** @param {Compared} one @param {Compared} other */
  #showVectors({ tensor: one, channel }, { tensor: other }) {
    const isOutput = one.kind === "logits";
    const how = {
      selected: channel,
      unit: isOutput ? "class" : "unit",
      names: isOutput && one.values.length === this.model.classes.length ? this.model.classes : undefined,
    };
    const apart = this.#keep(one, other);
    // One axis for all three, so that bars of equal length are equal values.
    const ends = endsOf([one.values, other.values, apart].flatMap((values) => Array.from(values)));
    [one.values, other.values, apart].forEach((values, at) => {
      this.#bars[at].show(values, { ...how, ends, dtype: at < 2 ? one.dtype : "float64" });
    });
  }

  /** Write the values of two units of dense layers. @param {Compared} one @param {Compared} other */
  #showUnits(one, other) {
    const sides = [one, other].map(({ tensor, channel }) => channelTensor(tensor, channel));
    const [apart] = this.#keep(sides[0], sides[1]);
    const [a, b] = sides.map(({ values, dtype }) => exactNumber(values[0], dtype));
    this.#facts.replaceChildren("A is ", a, ", B is ", b, ", B − A is ", exactNumber(apart, "float64"), ".");
  }

  /** Keep both sides and their difference for the files, and say how alike they are. @param {Tensor} first @param {Tensor} second */
  #keep(first, second) {
    const apart = difference(first.values, second.values);
    this.#sides = { A: first, B: second };
    this.#difference = differenceTensor(first, apart);
    const { difference: mean, correlation } = agreement(first.values, second.values);
    const alike = Number.isNaN(correlation) ? [] : ["; correlation ", exactNumber(correlation, "float64")];
    this.#facts.replaceChildren("Mean absolute difference ", exactNumber(mean, "float64"), ...alike, ".");
    return apart;
  }

  /** Show the values of all maps at a position; null for their ranges. @param {Place | null} place */
  #point(place) {
    this.#shown.forEach((shown, at) => {
      const { map, value } = this.#figures[at];
      const isInside = place !== null && place.x < shown.width && place.y < shown.values.length / shown.width;
      const box = place && { top: place.y, bottom: place.y, left: place.x, right: place.x };
      map.mark(isInside && box ? [{ box, kind: "pointed" }] : []);
      if (isInside) {
        map.at = place;
        const number = valueAt(shown, place);
        value.replaceChildren(`(${place.y}, ${place.x}) `, exactNumber(number, shown.dtype, formatNumber(number, 7)));
      } else value.textContent = `${formatNumber(shown.low)} to ${formatNumber(shown.high)}`;
    });
  }

  /** Maps on display, for the saved picture; none for a dense layer. */
  #parts() {
    return this.#shown.map(({ map, low, high }, at) => ({
      title: `${NAMES[at]} · ${this.#title.textContent}`,
      canvas: this.#figures[at].map.canvas,
      range: `${formatNumber(low)} to ${formatNumber(high)}, ${map}`,
    }));
  }

  /** Values of all maps as text. @param {Place} place */
  #valuesText(place) {
    return this.#shown.map((shown, at) => `${NAMES[at]} ${formatNumber(valueAt(shown, place))}`).join(", ");
  }
}

/** @param {Shown} shown @param {Place} place */
function valueAt({ values, width }, { y, x }) {
  return values[y * width + x];
}

/** Range from zero, or symmetric about it, to the largest value of two maps. @param {string} map @param {Tensor[]} sides */
function ownRange(map, sides) {
  const most = largest(sides.flatMap(({ values }) => Array.from(values)));
  return { map, low: map === "RdBu" ? -most : 0, high: most };
}

/** Sentence for layers of two shapes. @param {Compared} one @param {Compared} other */
function apartText({ tensor: one }, { tensor: other }) {
  return `A: ${one.name} has ${sizeText(one)}. B: ${other.name} has ${sizeText(other)}. They have no difference value by value.`;
}

/** @param {Tensor} tensor */
function sizeText({ shape }) {
  return shape.length === 3 ? `maps of ${shape[1]} × ${shape[2]}` : `${shape[0]} units`;
}
