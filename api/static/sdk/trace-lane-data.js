/** What can be shown of a run of an LSTM, and how it is said; one lane of `<lw-gate-trace>` each. */

import { rangeOf } from "./colours.js";
import { Tensor } from "./tensor.js";

/**
 * @typedef {object} Said
 * @property {string} title
 * @property {string} symbol As in the equations; empty where they have none.
 * @property {string} meaning
 * @property {string | null} tensor The tensor that it is made from; null where the bits are enough.
 */

/** @type {Readonly<Record<string, Said>>} */
export const LANES = {
  count: { title: "Ones minus zeros", symbol: "", meaning: "the truth: more 1s above zero", tensor: null },
  probability: { title: "P(more 1s)", symbol: "", meaning: "what it would answer now", tensor: "logits" },
  input_gate: { title: "Input gate", symbol: "i", meaning: "how much is written", tensor: "input_gate" },
  forget_gate: { title: "Forget gate", symbol: "f", meaning: "how much is kept", tensor: "forget_gate" },
  candidate: { title: "Candidate", symbol: "g", meaning: "what could be written", tensor: "candidate" },
  output_gate: { title: "Output gate", symbol: "o", meaning: "how much is shown", tensor: "output_gate" },
  cell: { title: "Cell state", symbol: "c", meaning: "the long-term memory", tensor: "cell" },
  hidden: { title: "Hidden state", symbol: "h", meaning: "what the readout sees", tensor: "hidden" },
};

/** The lanes that are shown where nothing else is asked for. */
export const DEFAULT_LANES = ["input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden"];

/**
 * Numbers of a lane: of every unit, or (where `units` is null) one for each step.
 * @typedef {object} Lane
 * @property {string} name
 * @property {number} first Step of the first row: 0 for states, else 1.
 * @property {number[] | null} units What the columns of the values are called.
 * @property {ArrayLike<number>} values Step by step, all units of a step together.
 * @property {string} dtype
 * @property {{ map: string, low: number, high: number }} range
 */

/**
 * Take a lane out of an answer of `/lstm/trace`.
 * @param {string} name One of `LANES`.
 * @param {import("./client.js").Answer} answer
 * @returns {Lane | null} Null where the answer does not have it.
 */
export function laneOf(name, answer) {
  if (name === "count") return countLane(answer.input.sequence);
  const tensor = answer.tensors.get(LANES[name].tensor ?? name);
  if (!tensor) return null;
  if (name === "probability") return probabilityLane(tensor);
  const units = /** @type {number[]} */ (tensor.labels("unit"));
  const first = Number(tensor.labels("step")[0]);
  return { name, first, units, values: tensor.values, dtype: tensor.dtype, range: rangeOf(tensor) };
}

/**
 * Count ones minus zeros after every step, from nothing at step 0.
 * @param {string} bits
 * @returns {Lane}
 */
function countLane(bits) {
  const values = new Int32Array(bits.length + 1);
  for (let step = 1; step <= bits.length; step += 1) {
    values[step] = values[step - 1] + (bits[step - 1] === "1" ? 1 : -1);
  }
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  return {
    name: "count",
    first: 0,
    units: null,
    values,
    dtype: "int32",
    range: { map: "RdBu", low: -most, high: most },
  };
}

/**
 * Turn the logits of every step into the probability of "yes".
 * @param {Tensor} logits
 * @returns {Lane}
 */
function probabilityLane(logits) {
  const values = Float64Array.from({ length: logits.shape[0] }, (_, at) => {
    const [no, yes] = logits.slice(at);
    return 1 / (1 + Math.exp(no - yes));
  });
  const range = { map: "viridis", low: 0, high: 1 };
  return { name: "probability", first: 1, units: null, values, dtype: "float64", range };
}

/**
 * Return a number of a lane; undefined where that step or unit has none.
 * @param {Lane} lane
 * @param {number} step
 * @param {number} unit
 */
export function valueAt({ first, units, values }, step, unit) {
  const width = units?.length ?? 1;
  const column = units ? units.indexOf(unit) : 0;
  return step < first || column < 0 ? undefined : values[(step - first) * width + column];
}
