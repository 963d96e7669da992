/** Other weights of side B: a checkpoint of the same network, or another network that reads the same inputs. */

import { make } from "../../sdk/dom.js";
import { checkpointText } from "../checkpoints.js";
import { alphabetOf, featuresOf } from "../model-facts.js";
import { stateSelect } from "../state-select.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../context.js").Model} Model */

/** Value of the state for the weights after training, whose checkpoint has no name. */
const FINAL = "final";

/**
 * Make the select of B's checkpoint.
 * @param {Context} context
 * @param {"otherCheckpoint" | "otherSequenceCheckpoint"} key
 */
export function checkpointChoice({ store, model }, key) {
  const choices = [...model.checkpoints, FINAL].map((name) => /** @type {const} */ ([name, checkpointText(model, checkpointParameter(name))]));
  return make("div", { class: "row" }, stateSelect(store, key, "B: weights", choices, choices[0][0]));
}

/**
 * Checkpoint of B, as the value of the parameter `checkpoint`: the earliest where the state names none.
 * @param {Model} model
 * @param {string} name
 * @returns {string | null} Null for the weights after training.
 */
export function otherCheckpointOf({ checkpoints }, name) {
  return checkpointParameter(name === FINAL || checkpoints.includes(name) ? name : (checkpoints[0] ?? FINAL));
}

/** @param {string} name */
function checkpointParameter(name) {
  return name === FINAL ? null : name;
}

/**
 * Networks that read inputs of the same kind: pictures, or sequences of the same symbols or features.
 * @param {Context} context
 * @returns {Model[]}
 */
export function otherNetworks({ models, model }) {
  const kindOf = (/** @type {Model} */ one) => (one.input === "image" ? "" : [alphabetOf(one).join(), featuresOf(one)].join());
  return models.filter((one) => one.name !== model.name && one.input === model.input && kindOf(one) === kindOf(model));
}

/**
 * Make the select of B's network.
 * @param {Context} context
 * @param {"otherModel" | "otherSequenceModel"} key
 */
export function networkChoice(context, key) {
  const choices = otherNetworks(context).map(({ name, title }) => /** @type {const} */ ([name, title || name]));
  return stateSelect(context.store, key, "B: network", choices);
}

/** Network of B: the first other one where the state names none. @param {Context} context @param {string} name */
export function networkOf(context, name) {
  const others = otherNetworks(context);
  return others.find((one) => one.name === name) ?? others[0];
}
