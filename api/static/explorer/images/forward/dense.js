/** Dense layer: all products behind each unit, and their sum; softmax of the last one, class by class. */

import { make } from "../../../sdk/dom.js";
import { outputOf } from "../../model-facts.js";
import { sumLine } from "../../sum-line.js";
import { endsOf, VectorBars } from "../../vector-bars.js";
import { digits, filled, placeOf, result } from "./computation.js";
import { exactSum } from "./exact-sum.js";
import { MapFigure } from "./map-figure.js";
import { softmax } from "./softmax.js";

/** @typedef {import("./computation.js").Material} Material */
/** @typedef {import("./computation.js").Computation} Computation */

/**
 * @param {Material} material
 * @returns {Computation}
 */
export function dense(material) {
  const units = weightedSums(material);
  if (material.layer !== outputOf(material.model)) return units;
  const shares = softmax(material, units.count);
  const element = make("div", {}, units.element, shares.element);
  return {
    title: `Dense + ${shares.title}`,
    says: `${units.says} ${shares.says}`,
    element,
    count: units.count + shares.count,
    columns: 1,
    show(position) {
      const isShare = position >= units.count;
      units.element.hidden = isShare;
      shares.element.hidden = !isShare;
      if (isShare) shares.show(position - units.count);
      else units.show(position);
    },
    describe: (position) => (position < units.count ? units.describe(position) : shares.describe(position - units.count)),
  };
}

/** @param {Material} material @returns {Computation} */
function weightedSums({ model, layer, read, made, weights, tables, go }) {
  const { kernel, biases } = /** @type {import("./computation.js").Weights} */ (weights);
  const source = layer.inputs[0];
  const isOutput = layer === outputOf(model);
  const names = isOutput && model.classes.length === made.values.length ? model.classes : undefined;
  const noun = names ? "class" : "unit";
  const products = productsFigure(read, kernel, source, tables);
  const output = new VectorBars(`Values of ${layer.name}`, go);
  const sum = make("div", { class: "arithmetic-sum" });
  const value = make("div");
  const heading = make("h4");
  const element = make(
    "div",
    { class: "forward-frame of-vectors" },
    products.element,
    make("div", { class: "forward-sum" }, heading, sum, value),
    make("figure", {}, make("h4", {}, layer.name), output.element),
  );

  /** @param {number} unit */
  function sumAt(unit) {
    const terms = Float64Array.from(kernel.slice(unit), (weight, at) => weight * read.values[at]);
    const bias = biases ? biases[unit] : 0;
    return { terms, bias, total: exactSum([...terms, bias]) };
  }

  return {
    title: "Dense",
    says: `Each of the ${made.values.length} units is a sum: every value of ${source} times a weight, and a bias.`,
    element,
    count: made.values.length,
    columns: 1,
    show(unit) {
      const { terms, bias, total } = sumAt(unit);
      products.show(terms);
      heading.textContent = `${noun} ${names?.[unit] ?? unit}: ${terms.length.toLocaleString("en")} products`;
      const [raising, lowering] = [terms.filter((one) => one > 0), terms.filter((one) => one < 0)].map(exactSum);
      sum.replaceChildren(...sumLine([raising, lowering], biases ? bias : null, total, true));
      value.replaceChildren(
        make("p", { class: "quiet" }, "positive products, negative products", biases ? ", bias" : "", ": their sum is the value."),
        result(`${layer.name} in float32:`, made.values[unit]),
      );
      output.show(filled(made.values, unit), { selected: unit, dtype: "float32", unit: noun, names, ends: endsOf(made.values) });
    },
    describe: (unit) => `${noun} ${names?.[unit] ?? unit}: the sum is ${digits(made.values[unit])}.`,
  };
}

/**
 * Picture of the products: a map of positions, summed over the channels, or a bar for each unit.
 * @param {import("../../../sdk/tensor.js").Tensor} read
 * @param {import("../../../sdk/tensor.js").Tensor} kernel
 * @param {string} source
 * @param {Material["tables"]} tables
 * @returns {{ element: HTMLElement, show: (terms: Float64Array) => void }}
 */
function productsFigure(read, kernel, source, tables) {
  if (kernel.shape.length === 2) {
    let chosen = 0;
    /** @type {Float64Array} */
    let shown = new Float64Array(1);
    const bars = new VectorBars(`Products of ${source} and the weights`, (at) => draw(shown, at));
    const draw = (/** @type {Float64Array} */ terms, /** @type {number} */ at) => {
      [shown, chosen] = [terms, at];
      bars.show(terms, { selected: at, dtype: "float64", unit: "product of unit" });
    };
    return { element: make("figure", {}, make("h4", {}, `${source} × weights`), bars.element), show: (terms) => draw(terms, chosen) };
  }
  const [height, width] = read.shape.slice(1);
  const figure = new MapFigure(`Products of ${source} and the weights, by position`);
  figure.title = `${source} × weights, by position`;
  return {
    element: figure.element,
    show(terms) {
      const sums = new Float64Array(height * width);
      terms.forEach((one, at) => (sums[at % sums.length] += one));
      const most = sums.reduce((found, one) => Math.max(found, Math.abs(one)), 0) || 1;
      const table = /** @type {import("../../../sdk/colours.js").Table} */ (tables.get("RdBu"));
      const largest = sums.findIndex((one) => Math.abs(one) === most);
      figure.show({ values: sums, width, colours: { low: -most, high: most, table }, at: placeOf(Math.max(largest, 0), width), boxes: [], dtype: "float64" });
    },
  };
}
