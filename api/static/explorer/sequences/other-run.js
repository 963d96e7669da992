/** Other run of a comparison: what B is, beside the sequence, unit, weights and network that the page shows as A. */

import { checkpointText } from "../checkpoints.js";
import { networkOf, otherCheckpointOf } from "../compare/other-weights.js";
import { alphabetOf } from "../model-facts.js";
import { mostUnits } from "./recurrent-layers.js";
import { sequenceKind } from "./sequence-kind.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../context.js").Model} Model */
/** @typedef {import("../state.js").State} State */
/** @typedef {import("../../sdk/client.js").Answer} Answer */

/**
 * @typedef {object} CurrentRun
 * @property {Answer | null} answer Answer of the probe `trace` for the sequence on display; null before there is one.
 * @property {import("../../sdk/client.js").Parameters} parameters Query parameters of its request.
 * @property {(listener: () => void) => void} onAnswer
 */
/**
 * @typedef {object} Side
 * @property {string} by What differs from A: `input`, `unit`, `checkpoint` or `network`.
 * @property {Model} model
 * @property {Answer} answer
 * @property {string} says Which sequence, weights or network it is.
 */

/** Sequence of B: that of A with another first step where the state has none. @param {Model} model @param {State} state */
export function otherSequence(model, { sequence, otherSequence: other }) {
  const kind = sequenceKind(model);
  if (kind.read(other).steps.length) return kind.write(kind.read(other).steps);
  const [first, ...rest] = /** @type {any[]} */ (kind.read(sequence).steps);
  const alphabet = alphabetOf(model);
  const changed = alphabet.length ? alphabet[(alphabet.indexOf(first) + 1) % alphabet.length] : (first ?? []).map(() => 0);
  return kind.write(/** @type {any} */ ([changed, ...rest]));
}

/** Unit of B in its network. @param {string} by @param {Model} other @param {State} state */
export function otherUnit(by, other, { unit, otherUnit: chosen }) {
  const count = mostUnits(other);
  if (chosen >= 0) return Math.min(chosen, count - 1);
  return by === "unit" ? (unit + 1) % count : Math.min(unit, count - 1);
}

/**
 * Request the answer of B.
 * @param {Context} context
 * @param {CurrentRun} run
 * @param {string} by
 * @param {AbortSignal} signal
 * @returns {Promise<Side>}
 */
export async function otherRun(context, run, by, signal) {
  const { lightwell, model, store } = context;
  const { state } = store;
  const ask = (/** @type {Model} */ network, /** @type {string} */ sequence, /** @type {object} */ changes) => {
    const parameters = { ...run.parameters, ...changes };
    return lightwell.ask(network.name, "trace", { input: sequenceKind(network).input(sequence), parameters, signal });
  };
  if (by === "unit") {
    return { by, model, answer: /** @type {Answer} */ (run.answer), says: `unit ${otherUnit(by, model, state)}` };
  }
  if (by === "checkpoint") {
    const checkpoint = otherCheckpointOf(model, state.otherSequenceCheckpoint);
    const answer = await ask(model, state.sequence, { checkpoint });
    return { by, model, answer, says: checkpointText(model, checkpoint) };
  }
  if (by === "network") {
    const other = networkOf(context, state.otherSequenceModel);
    const answer = await ask(other, state.sequence, { checkpoint: null });
    return { by, model: other, answer, says: other.title || other.name };
  }
  return { by, model, answer: await ask(model, otherSequence(model, state), {}), says: "another sequence" };
}
