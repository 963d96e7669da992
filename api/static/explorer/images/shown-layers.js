/** Shown layers: those that have a column of the network, and the selected one with its channel. */

import { layerOf, outputOf, readersOf } from "../model-facts.js";

/** @typedef {import("../context.js").Model} Model */
/** @typedef {import("../context.js").Layer} Layer */

/** Kinds of values that a column may leave to the layer that reads them. */
const INNER = ["pre_activation", "normalised", "merged"];

/** Layers of the columns, but for the output. @param {Model} model @param {boolean} before */
export function shownLayers(model, before) {
  const output = outputOf(model);
  return model.layers.filter((layer) => layer !== output && (before || !isInner(model, layer))).map(({ name }) => name);
}

/** Layer that is selected where the state has none: the first column. @param {Model} model */
function firstLayer(model) {
  return layerOf(model, shownLayers(model, false)[0]) ?? model.layers[0];
}

/** Whether a network has columns that join several layers. @param {Model} model */
export function hasInner(model) {
  return model.layers.some((layer) => isInner(model, layer));
}

/** Whether a layer is read by its normalisation or activation alone. @param {Model} model @param {Layer} layer */
export function isInner(model, { name, kind }) {
  const readers = readersOf(model, name);
  const isLeft = readers.length === 1 && ["post_activation", "normalised"].includes(readers[0].kind);
  return INNER.includes(kind) && isLeft;
}

/**
 * Selected layer and channel. Links may hold unknown layers and channels out of range: these are
 * replaced by the layer of the first column and by the nearest channel.
 * @param {Model} model
 * @param {{ layer: string, channel: number }} state
 * @returns {{ layer: Layer, channel: number, count: number }}
 */
export function selectedChannel(model, state) {
  const layer = layerOf(model, state.layer) ?? firstLayer(model);
  const count = Number(layer.shape[0]);
  return { layer, channel: Math.min(Math.max(state.channel, 0), count - 1), count };
}

/**
 * Channel whose values differ most from each other: one worth seeing first. Of a vector it is the largest value.
 * @param {import("../../sdk/tensor.js").Tensor} tensor
 */
export function contrastingChannel(tensor) {
  const contrasts = Array.from({ length: tensor.shape[0] }, (_, channel) => {
    const values = Array.from(tensor.slice(channel));
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    return values.length > 1 ? values.reduce((sum, one) => sum + (one - mean) ** 2, 0) : mean;
  });
  return contrasts.indexOf(Math.max(...contrasts));
}
