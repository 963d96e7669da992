/** Activation: a function of each value of a map or of a vector, one after another. */

import { make } from "../../../sdk/dom.js";
import { exactNumber } from "../../exact-number.js";
import { endsOf, VectorBars } from "../../vector-bars.js";
import { operationOf } from "../operations.js";
import { boxOf, coloursOf, digits, filled, placeOf, result } from "./computation.js";
import { MapFigure } from "./map-figure.js";

/** @typedef {import("./computation.js").Material} Material */

/**
 * @param {Material} material
 * @returns {import("./computation.js").Computation}
 */
export function activation(material) {
  const { layer, channel, read, made } = material;
  const { word, title } = operationOf(layer);
  const source = layer.inputs[0];
  const hasPlaces = made.shape.length === 3;
  const [under, values] = hasPlaces ? [read.slice(channel), made.slice(channel)] : [read.values, made.values];
  const columns = hasPlaces ? made.shape[2] : values.length;
  const words = make("p");
  const value = make("div");
  const [before, after, draw] = hasPlaces ? maps(material, under, values) : vectors(material);
  const element = make("div", { class: hasPlaces ? "forward-frame" : "forward-frame of-vectors" }, before, make("div", { class: "forward-sum" }, make("div", { class: "arithmetic-sum" }, words), value), after);

  /** @param {number} position */
  function show(position) {
    draw(position);
    const [given, found] = [under[position], values[position]];
    const [left, right] = [exactNumber(given, "float32", digits(given)), exactNumber(found, "float32", digits(found))];
    if (word === "relu") words.replaceChildren("max(0, ", left, ") = ", right, given > 0 ? ": positive, so it stays" : ": not positive, so 0");
    else words.replaceChildren(`${title}(`, left, ") = ", right);
    value.replaceChildren(result(`${layer.name} in float32:`, found));
  }

  return {
    title,
    says: `${title} reads one value of ${source} at a time and makes the value of ${layer.name} at the same place${word === "relu" ? ": what is negative becomes 0" : ""}.`,
    element,
    count: values.length,
    columns,
    show,
    describe(position) {
      const { y, x } = placeOf(position, columns);
      return `${hasPlaces ? `Row ${y}, column ${x}` : `Unit ${position}`}: ${digits(under[position])} becomes ${digits(values[position])}.`;
    },
  };
}

/**
 * @param {Material} material
 * @param {ArrayLike<number>} under
 * @param {ArrayLike<number>} values
 * @returns {[HTMLElement, HTMLElement, (position: number) => void]}
 */
function maps({ layer, channel, read, made, tables, go }, under, values) {
  const columns = made.shape[2];
  const input = new MapFigure(`Map of ${layer.inputs[0]}`);
  const output = new MapFigure(`Map of ${layer.name}, channel ${channel}: choose a position`, ({ y, x }) => go(y * columns + x));
  input.title = `${layer.inputs[0]}, channel ${channel}`;
  output.title = `${layer.name}, channel ${channel}`;
  return [
    input.element,
    output.element,
    (position) => {
      const at = placeOf(position, columns);
      const same = { width: columns, at, boxes: [boxOf(at)] };
      input.show({ ...same, values: under, colours: coloursOf(tables, read, channel) });
      output.show({ ...same, values: filled(values, position), colours: coloursOf(tables, made, channel) });
    },
  ];
}

/** @param {Material} material @returns {[HTMLElement, HTMLElement, (position: number) => void]} */
function vectors({ layer, read, made, go }) {
  const [input, output] = [layer.inputs[0], layer.name].map((name) => new VectorBars(`Values of ${name}`, go));
  const figure = (/** @type {string} */ name, /** @type {VectorBars} */ bars) => make("figure", {}, make("h4", {}, name), bars.element);
  return [
    figure(layer.inputs[0], input),
    figure(layer.name, output),
    (position) => {
      const options = { selected: position, dtype: "float32", unit: "unit" };
      input.show(read.values, options);
      output.show(filled(made.values, position), { ...options, ends: endsOf(made.values) });
    },
  ];
}
