/** Dense view: values of a dense layer as bars, and the products of inputs and weights of one unit. */

import { ColourBar } from "/sdk/colour-bar.js";
import { make } from "/sdk/dom.js";
import { exactNumber } from "../exact-number.js";
import { latestRequest } from "../latest-request.js";
import { VectorBars } from "../vector-bars.js";
import { kernelOf } from "./channel-picker.js";
import { PixelMap } from "./pixel-map.js";

/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("/sdk/client.js").Answer} Answer */

/**
 * Make the view.
 * @param {import("../context.js").Context} context
 * @param {Map<string, import("/sdk/colours.js").Table>} tables
 */
export function denseView({ lightwell, store, cnn }, tables) {
  const title = make("h3");
  const values = new VectorBars("Values of the layer", (channel) => store.set({ channel }));
  const explanation = make("p", { class: "explain" });
  const units = new VectorBars("Contribution of each unit of relu4", (channel) =>
    store.set({ layer: "relu4", channel }),
  );
  /** @type {Float64Array} */
  let shares = new Float64Array();
  const pointed = make("p", { class: "number quiet" });
  const places = new PixelMap("Contribution of each position of relu3", {
    point: (place) => {
      pointed.replaceChildren();
      if (!place) return;
      const share = shares[place.y * 7 + place.x];
      pointed.append(`position (${place.y}, ${place.x}) adds `, exactNumber(share, "float64"));
    },
  });
  const bar = new ColourBar();
  const map = make("div", { class: "dense-places" }, places.element, make("div", {}, bar, pointed));
  const element = make("div", { class: "inspector-dense" }, title, values.element, explanation, map, units.element);

  /**
   * Show the terms of a unit's value: each input times its weight.
   * @param {Answer} weights
   * @param {{ name: string, channel: number, answer: Answer }} query
   */
  const showProducts = (weights, { name, channel, answer }) => {
    const kernel = /** @type {Tensor} */ (weights.tensors.get(`${name}.kernel`)).slice(0);
    const read = answer.tensors.get(name === "output" ? "relu4" : "relu3");
    if (!read) return;
    const products = Float64Array.from(kernel, (weight, at) => weight * read.values[at]);
    map.hidden = name === "output";
    units.element.hidden = !map.hidden;
    if (name === "output") {
      explanation.textContent =
        `The logit of digit ${cnn.classes[channel]} is a sum: each of the 128 values of relu4 times its weight, plus a bias. ` +
        "These are the products: blue raises the logit, red lowers it. Choose one to see that unit.";
      units.show(products, { selected: argmax(products), dtype: "float64", unit: "unit" });
      return;
    }
    shares = sumByPosition(products, 49);
    const most = shares.reduce((largestShare, share) => Math.max(largestShare, Math.abs(share)), 0) || 1;
    const range = { map: "RdBu", low: -most, high: most };
    const table = tables.get("RdBu");
    explanation.textContent =
      "A unit of this layer depends on the whole image: it sums every value of relu3 (64 channels of 7 × 7) times a weight. " +
      "Below, these products are summed over the channels: blue positions raise the unit's value, red ones lower it.";
    if (table) places.show({ ...range, values: shares, width: 7, table });
    bar.range = range;
  };

  const send = latestRequest(
    (/** @type {{ name: string, channel: number, answer: Answer }} */ { name, channel }, signal) =>
      lightwell.filters({ layers: name, channels: channel, order: "index" }, { signal }),
    showProducts,
    (error) => (explanation.textContent = error.message),
  );

  /** @param {import("../context.js").Layer} layer @param {number} channel @param {Answer} answer */
  function update(layer, channel, answer) {
    const tensor = answer.tensors.get(layer.name);
    if (!tensor) return;
    const isOutput = layer.name === "logits";
    title.textContent = `${layer.name}: ${tensor.values.length} values, without positions`;
    values.show(tensor.values, {
      selected: channel,
      dtype: tensor.dtype,
      unit: isOutput ? "digit" : "unit",
      names: isOutput ? cnn.classes : undefined,
    });
    void send({ name: kernelOf(layer), channel, answer });
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
