/** Checkpoints: weights of a network at points of its training, and those that the page shows. */

import { hasParameter } from "./model-facts.js";

/** @typedef {import("./context.js").Model} Model */
/** @typedef {import("./state.js").State} State */

/** State value with the checkpoint of a view's network, by the network's input; it is empty for the served weights. */
export const CHECKPOINT_OF = /** @type {const} */ ({ image: "checkpoint", sequence: "sequenceCheckpoint" });

/** Name of a checkpoint along the training, with the number of its round. */
const ROUND = /^round-(\d+)$/;

/** Names of the checkpoints along the training, the earliest first. @param {Model} model */
export function roundsOf({ checkpoints }) {
  return checkpoints.filter((name) => ROUND.test(name));
}

/** Name of the checkpoint on display; null for the served weights. @param {Model} model @param {State} state */
export function checkpointOf(model, state) {
  const name = state[CHECKPOINT_OF[model.input]];
  return model.checkpoints.includes(name) ? name : null;
}

/**
 * Parameter of a request for the weights on display; null for the served ones, which all others have that take no checkpoint.
 * @param {Model} model
 * @param {State} state
 * @param {string} probe
 * @returns {{ checkpoint: string | null }}
 */
export function weightsFor(model, state, probe) {
  return { checkpoint: hasParameter(model, probe, "checkpoint") ? checkpointOf(model, state) : null };
}

/** Name of a checkpoint in words. @param {Model} model @param {string | null} name Null for the served weights. */
export function checkpointText({ training }, name) {
  if (name === null) return "trained";
  const named = ROUND.exec(name);
  if (!named) return `“${name}”`;
  const round = Number(named[1]);
  if (round === 0) return "before training";
  return training.rounds ? `after round ${round} of ${training.rounds}` : `after round ${round}`;
}
