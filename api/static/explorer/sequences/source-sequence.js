/** Source sequence: the second sequence of activation patching, whose states are patched in. */

import { alphabetOf } from "../model-facts.js";
import { sequenceKind } from "./sequence-kind.js";

/** @typedef {import("../context.js").Model} Model */
/** @typedef {import("./sequence-kind.js").Steps} Steps */

/**
 * Source of a state: the written one where it is as long as the sequence, else the sequence with another first step.
 * @param {Model} model
 * @param {{ sequence: string, source: string }} state
 * @returns {string}
 */
export function sourceOf(model, { sequence, source }) {
  const kind = sequenceKind(model);
  const { steps } = kind.read(sequence);
  const own = kind.read(source).steps;
  return kind.write(own.length === steps.length ? own : changed(model, steps, 0));
}

/**
 * Sequence with another input at one step: the next symbol, or the row of numbers with the other sign.
 * @param {Model} model
 * @param {Steps} steps
 * @param {number} at Index of the step.
 * @returns {Steps}
 */
export function changed(model, steps, at) {
  const alphabet = alphabetOf(model);
  const other = (/** @type {string | number[]} */ step) => {
    if (!Array.isArray(step)) return alphabet[(alphabet.indexOf(step) + 1) % alphabet.length];
    return step.some(Boolean) ? step.map((number) => -number) : step.map(() => 1);
  };
  return /** @type {Steps} */ (steps.map((step, index) => (index === at ? other(step) : step)));
}

/** Indices of the steps at which two sequences differ. @param {Steps} one @param {Steps} other */
export function differences(one, other) {
  return Array.from(one.keys()).filter((at) => String(one[at]) !== String(other[at]));
}
