/** Dense view: a layer without places. Its values as bars, and what speaks for and against one of them. */

import { ColourBar } from "/sdk/colour-bar.js";
import { make } from "/sdk/dom.js";
import { kernelOf } from "./channel-picker.js";
import { exactNumber } from "../exact-number.js";
import { latestRequest } from "../latest-request.js";
import { PixelMap } from "./pixel-map.js";
import { VectorBars } from "./vector-bars.js";

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
  const story = make("p", { class: "explain" });
  const units = new VectorBars("What each unit of relu4 adds", (channel) =>
    store.set({ layer: "relu4", channel }),
  );
  /** @type {Float64Array} */
  let shares = new Float64Array();
  const pointed = make("p", { class: "number quiet" });
  const places = new PixelMap("What each place of relu3 adds", {
    point: (place) => {
      pointed.replaceChildren();
      if (!place) return;
      const share = shares[place.y * 7 + place.x];
      pointed.append(`place (${place.y}, ${place.x}) adds `, exactNumber(share, "float64"));
    },
  });
  const bar = new ColourBar();
  const map = make("div", { class: "dense-places" }, places.element, make("div", {}, bar, pointed));
  const element = make("div", { class: "inspector-dense" }, title, values.element, story, map, units.element);

  /**
   * Show how a unit's value comes about: each input times its weight.
   * @param {Answer} weights
   * @param {{ name: string, channel: number, answer: Answer }} asked
   */
  const explain = (weights, { name, channel, answer }) => {
    const kernel = /** @type {Tensor} */ (weights.tensors.get(`${name}.kernel`)).slice(0);
    const read = answer.tensors.get(name === "output" ? "relu4" : "relu3");
    if (!read) return;
    const products = Float64Array.from(kernel, (weight, at) => weight * read.values[at]);
    map.hidden = name === "output";
    units.element.hidden = !map.hidden;
    if (name === "output") {
      story.textContent =
        `The logit of digit ${cnn.classes[channel]} is a sum: each of the 128 values of relu4 times its weight, plus a bias. ` +
        "These are the products; blue speaks for the digit, red against. Choose one to see that unit.";
      units.show(products, { selected: largest(products), dtype: "float64", unit: "unit" });
      return;
    }
    shares = summedByPlace(products, 49);
    const most = shares.reduce((sofar, share) => Math.max(sofar, Math.abs(share)), 0) || 1;
    const range = { map: "RdBu", low: -most, high: most };
    const table = tables.get("RdBu");
    story.textContent =
      "A unit here sees all of the picture: every value of relu3 (64 channels of 7 × 7) times its own weight, summed. " +
      "Below, summed by place: blue parts of the picture speak for this unit, red ones against.";
    if (table) places.show({ ...range, values: shares, width: 7, table });
    bar.range = range;
  };

  const ask = latestRequest(
    (/** @type {{ name: string, channel: number, answer: Answer }} */ { name, channel }, signal) =>
      lightwell.filters({ layers: name, channels: channel, order: "index" }, { signal }),
    explain,
    (error) => (story.textContent = error.message),
  );

  /** @param {import("../context.js").Layer} layer @param {number} channel @param {Answer} answer */
  function update(layer, channel, answer) {
    const tensor = answer.tensors.get(layer.name);
    if (!tensor) return;
    const isOutput = layer.name === "logits";
    title.textContent = `${layer.name}: ${tensor.values.length} numbers, no places any more`;
    values.show(tensor.values, {
      selected: channel,
      dtype: tensor.dtype,
      unit: isOutput ? "digit" : "unit",
      names: isOutput ? cnn.classes : undefined,
    });
    void ask({ name: kernelOf(layer), channel, answer });
  }
  return { element, update };
}

/**
 * Add up what all channels say about the same place.
 * @param {Float64Array} products Channel by channel.
 * @param {number} size How many places.
 */
function summedByPlace(products, size) {
  const sums = new Float64Array(size);
  products.forEach((product, at) => (sums[at % size] += product));
  return sums;
}

/** @param {Float64Array} values */
function largest(values) {
  return values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
}
