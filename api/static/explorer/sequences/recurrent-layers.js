/** Recurrent layers of a model: their cells and the names of their values in an answer. */

import { choicesOf, layerOf } from "../model-facts.js";

/** @typedef {import("../context.js").Model} Model */

/**
 * @typedef {object} RecurrentLayer
 * @property {string} name Declared name.
 * @property {"lstm" | "gru" | "rnn"} cell
 * @property {number} units
 * @property {(value: string) => string} tensor Tensor of a value: `cell`, in a stack `lstm1.cell`.
 * @property {{ name: string, value: string, kind: string }[]} values Names in an answer and in the cell.
 */

const KINDS = ["gate", "candidate", "cell", "hidden"];

/** @param {Model} model @returns {RecurrentLayer[]} */
export function recurrentLayers(model) {
  const values = model.layers.filter(({ kind }) => KINDS.includes(kind));
  const names = [...new Set(values.map(({ layer }) => layer))];
  return names.map((name) => {
    const own = values.filter(({ layer }) => layer === name);
    const named = own.map((one) => ({ name: one.name, value: one.name.slice(one.name.lastIndexOf(".") + 1), kind: one.kind }));
    const has = (/** @type {string} */ value) => named.some((one) => one.value === value);
    return {
      name,
      cell: has("cell") ? "lstm" : has("update_gate") ? "gru" : "rnn",
      units: Number(own[0].shape[1]),
      tensor: (value) => named.find((one) => one.value === value)?.name ?? value,
      values: named,
    };
  });
}

/** Recurrent layer that is shown in numbers: the chosen one, or the first. @param {Model} model @param {{ recurrent: string }} state */
export function chosenLayer(model, { recurrent }) {
  const layers = recurrentLayers(model);
  return layers.find(({ name }) => name === recurrent) ?? layers[0];
}

/** Names of the lanes: every value of the model by step and unit, in the order of the network. @param {Model} model */
export function laneNames(model) {
  const names = model.layers.filter(({ kind, axes }) => kind !== "logits" && axes.includes("unit")).map(({ name }) => name);
  // The probe lists the values of a cell in the order of its equations.
  const order = choicesOf(model, "trace", "values");
  return names.sort((one, other) => order.indexOf(one) - order.indexOf(other));
}

/** Largest number of units of a lane. @param {Model} model */
export function mostUnits(model) {
  return Math.max(1, ...laneNames(model).map((name) => Number(layerOf(model, name)?.shape[1] ?? 1)));
}
