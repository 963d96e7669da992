/** Lane data: titles, values and colour ranges of the lanes of `<lw-gate-trace>`. */

import { rangeOf } from "./colours.js";
import { Tensor } from "./tensor.js";

/**
 * @typedef {object} LaneTitle
 * @property {string} title
 * @property {string} symbol In the LSTM's equations; empty where they have none.
 * @property {string} meaning
 * @property {string | null} tensor Tensor of the answer; null where the bits are enough.
 */

/** @type {Readonly<Record<string, LaneTitle>>} */
export const LANES = {
  count: { title: "Ones minus zeros", symbol: "", meaning: "the correct count", tensor: null },
  probability: { title: "P(more 1s)", symbol: "", meaning: "its answer if it ended here", tensor: "logits" },
  input_gate: { title: "Input gate", symbol: "i", meaning: "how much is written", tensor: "input_gate" },
  forget_gate: { title: "Forget gate", symbol: "f", meaning: "how much is kept", tensor: "forget_gate" },
  candidate: { title: "Candidate", symbol: "g", meaning: "what would be written", tensor: "candidate" },
  output_gate: { title: "Output gate", symbol: "o", meaning: "how much is read out", tensor: "output_gate" },
  cell: { title: "Cell state", symbol: "c", meaning: "the long-term memory", tensor: "cell" },
  hidden: { title: "Hidden state", symbol: "h", meaning: "input of the readout", tensor: "hidden" },
};

/** Lanes where the attribute `values` is empty. */
export const DEFAULT_LANES = ["input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden"];

/**
 * Values of a lane: one for every step and unit, or one for every step where `units` is null.
 * @typedef {object} Lane
 * @property {string} name
 * @property {number} first Step of the first row: 0 for states, else 1.
 * @property {number[] | null} units Units of a step's values, in order.
 * @property {ArrayLike<number>} values Step by step: all units of a step are adjacent.
 * @property {string} dtype
 * @property {{ map: string, low: number, high: number }} range
 */

/**
 * Values of a lane in an answer of `/lstm/trace`.
 * @param {string} name One of `LANES`.
 * @param {import("./client.js").Answer} answer
 * @returns {Lane | null} Null where the answer lacks the tensor.
 */
export function laneData(name, answer) {
  if (name === "count") return countLane(answer.input.sequence);
  const tensor = answer.tensors.get(LANES[name].tensor ?? name);
  if (!tensor) return null;
  if (name === "probability") return probabilityLane(tensor);
  const units = /** @type {number[]} */ (tensor.labels("unit"));
  const first = Number(tensor.labels("step")[0]);
  return { name, first, units, values: tensor.values, dtype: tensor.dtype, range: rangeOf(tensor) };
}

/**
 * Ones minus zeros after every step, from 0 at step 0.
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
 * Probability of "yes" at every step, by softmax of the logits.
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
 * Value of a lane; undefined where that step or unit has none.
 * @param {Lane} lane
 * @param {number} step
 * @param {number} unit
 */
export function valueAt({ first, units, values }, step, unit) {
  const width = units?.length ?? 1;
  const column = units ? units.indexOf(unit) : 0;
  return step < first || column < 0 ? undefined : values[(step - first) * width + column];
}
