/** Dense view: values of a dense layer as bars, and the products of inputs and weights of one unit. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { make } from "../../sdk/dom.js";
import { exactNumber } from "../exact-number.js";
import { weightsFor } from "../checkpoints.js";
import { latestRequest } from "../latest-request.js";
import { countOf } from "../count.js";
import { hasMaps, hasProbe, kernelOf, nounOf, outputOf, sourceOf } from "../model-facts.js";
import { VectorBars } from "../vector-bars.js";
import { PixelMap } from "./pixel-map.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../../sdk/client.js").Answer} Answer */

/**
 * Make the view.
 * @param {import("../context.js").Context} context
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 */
export function denseView(context, tables) {
  const { lightwell, store, model } = context;
  const classNoun = nounOf(model) === "digit" ? "digit" : "class";
  const logitOf = (/** @type {number} */ channel) =>
    `${classNoun} ${model.classes[outputOf(model).shape[0] === 1 ? 1 : channel]}`;
  const title = make("h3");
  const values = new VectorBars("Values of the layer", (channel) => store.set({ channel }));
  const explanation = make("p", { class: "explain" });
  /** @type {import("../context.js").Layer | undefined} Layer that the kernel reads. */
  let source;
  const units = new VectorBars("Contribution of each unit that it reads", (channel) => {
    if (source) store.set({ layer: source.name, channel });
  });
  /** @type {Float64Array} */
  let shares = new Float64Array();
  const pointed = make("p", { class: "number quiet" });
  const places = new PixelMap("Contribution of each position of the maps", {
    point: (place) => {
      pointed.replaceChildren();
      if (!place) return;
      const share = shares[place.y * Number(source?.shape[2]) + place.x];
      pointed.append(`position (${place.y}, ${place.x}) adds `, exactNumber(share, "float64"));
    },
  });
  const bar = new ColourBar();
  const map = make("div", { class: "dense-places" }, places.element, make("div", {}, bar, pointed));
  const element = make("div", { class: "inspector-dense" }, title, values.element, explanation, map, units.element);

  /**
   * Show the terms of a unit's value: each input times its weight.
   * @param {Answer} weights
   * @param {{ name: string, layer: import("../context.js").Layer, channel: number, answer: Answer }} query
   */
  const showProducts = (weights, { name, layer, channel, answer }) => {
    const kernel = /** @type {Tensor} */ (weights.tensors.get(`${name}.kernel`)).slice(0);
    source = sourceOf(model, name);
    const read = answer.tensors.get(source?.name ?? "");
    explanation.textContent = "";
    map.hidden = units.element.hidden = true;
    // Only a part of the values is in a reduced answer.
    if (!source || !read || read.values.length !== kernel.length) return;
    map.hidden = !hasMaps(source);
    units.element.hidden = !map.hidden;
    const products = Float64Array.from(kernel, (weight, at) => weight * read.values[at]);
    if (!hasMaps(source)) {
      const isOutput = layer === outputOf(model);
      explanation.textContent =
        `The ${isOutput ? `logit of ${logitOf(channel)}` : "unit's value"} is a sum: each of the ${countOf(kernel.length)} values of ${source.name} ` +
        `times its weight, plus a bias. These are the products: blue raises the ${isOutput ? "logit" : "value"}, red lowers it. Choose one to see that unit.`;
      units.show(products, { selected: argmax(products), dtype: "float64", unit: "unit" });
      return;
    }
    const [channels, height, width] = source.shape.map(Number);
    shares = sumByPosition(products, height * width);
    const most = shares.reduce((largestShare, share) => Math.max(largestShare, Math.abs(share)), 0) || 1;
    const range = { map: "RdBu", low: -most, high: most };
    const table = tables.get("RdBu");
    explanation.textContent =
      `A unit of this layer depends on the whole image: it sums every value of ${source.name} (${channels} channels of ${height} × ${width}) times a weight. ` +
      "Below, these products are summed over the channels: blue positions raise the unit's value, red ones lower it.";
    if (table) places.show({ ...range, values: shares, width, table });
    bar.range = range;
  };

  const send = latestRequest(
    context,
    (/** @type {{ name: string, layer: import("../context.js").Layer, channel: number, answer: Answer }} */ { name, channel }, signal) =>
      lightwell.ask(model.name, "filters", { parameters: { layers: name, channels: channel, order: "index", ...weightsFor(model, store.state, "filters") }, signal }),
    showProducts,
    (error) => (explanation.textContent = error.message),
  );

  /** @param {import("../context.js").Layer} layer @param {number} channel @param {Answer} answer */
  function update(layer, channel, answer) {
    const tensor = answer.tensors.get(layer.name);
    if (!tensor) return;
    const isOutput = layer === outputOf(model);
    title.textContent = `${layer.name}: ${tensor.values.length} values, without positions`;
    values.show(tensor.values, {
      selected: channel,
      dtype: tensor.dtype,
      unit: isOutput ? classNoun : "unit",
      names: isOutput && tensor.values.length === model.classes.length ? model.classes : undefined,
    });
    const name = hasProbe(model, "filters") ? kernelOf(model, layer) : null;
    const reader = model.layers.find((one) => one.layer === name);
    // The sum is that of a dense layer; a convolution's is the arithmetic of one value.
    const isDense = reader !== undefined && !hasMaps(reader);
    explanation.hidden = map.hidden = units.element.hidden = !isDense;
    if (isDense && name) void send({ name, layer, channel, answer });
  }
  return { element, update };
}

/**
 * Sum products over the channels, for each position.
 * @param {Float64Array} products Channel by channel.
 * @param {number} size Positions of a channel.
 */
function sumByPosition(products, size) {
  const sums = new Float64Array(size);
  products.forEach((product, at) => (sums[at % size] += product));
  return sums;
}

/** Index of the largest value. @param {Float64Array} values */
function argmax(values) {
  return values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
}
