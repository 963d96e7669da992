/** Other side of a comparison: what B is, beside the picture, channel, weights and network that the page shows as A. */

import { checkpointText } from "../checkpoints.js";
import { networkOf, otherCheckpointOf } from "../compare/other-weights.js";
import { imageInput, layerOf } from "../model-facts.js";
import { selectedChannel } from "./shown-layers.js";
import { layersOf, preprocessOf, reduceOf } from "./current-image.js";
import { secondInput } from "./second-picture.js";
import { INPUT_TENSOR } from "./stages.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../context.js").Model} Model */
/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("./current-image.js").CurrentImage} CurrentImage */

/**
 * @typedef {object} Side
 * @property {string} by What differs from A: `input`, `channel`, `checkpoint` or `network`.
 * @property {Model} model
 * @property {Answer} answer
 * @property {string} says Which picture, weights or network it is.
 */

/**
 * Layer and channel of B; no layer where B's network has none of that name.
 * @param {string} by
 * @param {Model} model Network of A.
 * @param {Model} other Network of B.
 * @param {import("../state.js").State} state
 */
export function otherChannel(by, model, other, state) {
  const first = selectedChannel(model, state);
  if (by === "input" || by === "checkpoint") return first;
  const layer = layerOf(other, state.otherLayer || first.layer.name);
  const count = Number(layer?.shape[0] ?? 1);
  const isSame = by === "channel" && layer === first.layer;
  const usual = isSame ? (first.channel + 1) % count : first.channel;
  return { layer, count, channel: Math.min(state.otherChannel < 0 ? usual : state.otherChannel, count - 1) };
}

/**
 * Request the answer of B.
 * @param {Context} context
 * @param {CurrentImage} image
 * @param {string} by
 * @param {AbortSignal} signal
 * @returns {Promise<Side>}
 */
export async function otherSide(context, image, by, signal) {
  const { lightwell, model, store } = context;
  const shown = /** @type {Answer} */ (image.answer);
  const side = { by, model, answer: shown, says: "" };
  if (by === "network") return networkSide(context, image, signal);
  const names = Array.from(shown.tensors.keys()).filter((name) => name !== INPUT_TENSOR);
  const ask = async (/** @type {string[]} */ layers, /** @type {object} */ changes, input = image.input) => {
    const parameters = { ...image.parameters, layers, reduce: reduceOf(model, layers), ...changes };
    return lightwell.ask(model.name, "activations", { input: input ?? undefined, parameters, signal });
  };
  if (by === "checkpoint") {
    const checkpoint = otherCheckpointOf(model, store.state.otherCheckpoint);
    return { ...side, says: checkpointText(model, checkpoint), answer: await ask(names, { checkpoint }) };
  }
  if (by === "channel") {
    const { layer, channel } = otherChannel(by, model, model, store.state);
    const name = /** @type {import("../context.js").Layer} */ (layer).name;
    return { ...side, says: `${name}, channel ${channel}`, answer: shown.tensors.has(name) ? shown : await ask([name], {}) };
  }
  const { input, preprocess } = await secondInput(context, signal);
  return { ...side, says: "another picture", answer: await ask(names, { preprocess }, input) };
}

/**
 * Answer of another network: to the same pixels where it has the same input, else to the same picture.
 * @param {Context} context
 * @param {CurrentImage} image
 * @param {AbortSignal} signal
 * @returns {Promise<Side>}
 */
async function networkSide(context, image, signal) {
  const { lightwell, model, store } = context;
  const { state } = store;
  const other = networkOf(context, state.otherModel);
  const [size, otherSize] = [model, other].map((one) => imageInput(one));
  const isSame = ["height", "width", "channels"].every((side) => Reflect.get(size, side) === Reflect.get(otherSize, side));
  const { layer } = otherChannel("network", model, other, state);
  const layers = layersOf({ ...state, before: false, layer: layer?.name ?? "" }, other);
  const { cmap, range } = image.parameters;
  const preprocess = preprocessOf(other, { preprocess: isSame ? "none" : "" });
  const parameters = { cmap, range, preprocess, layers, reduce: reduceOf(other, layers) };
  const input = isSame ? image.answer?.input.pixels : image.input;
  const answer = await lightwell.ask(other.name, "activations", { input, parameters, signal });
  return { by: "network", model: other, answer, says: other.title || other.name };
}
