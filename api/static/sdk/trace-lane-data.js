/** Lane data: titles, values and colour ranges of the lanes of `<lw-gate-trace>`. */

import { rangeOf } from "./colours.js";
import { Tensor } from "./tensor.js";

/**
 * @typedef {object} LaneTitle
 * @property {string} title
 * @property {string} symbol In the equations of a cell; empty where they have none.
 * @property {string} meaning
 */

/** Lanes that are computed of an answer, and the tensor that each needs; null where the sequence is enough. */
export const COMPUTED = /** @type {Readonly<Record<string, string | null>>} */ ({ count: null, probability: "logits" });

/** Values of recurrent layers; in a stack each has the name of its layer before it. @type {Readonly<Record<string, LaneTitle>>} */
const VALUES = {
  count: { title: "Ones minus zeros", symbol: "", meaning: "the correct count" },
  probability: { title: "Probability", symbol: "", meaning: "its answer if it ended here" },
  input_gate: { title: "Input gate", symbol: "i", meaning: "how much is written" },
  forget_gate: { title: "Forget gate", symbol: "f", meaning: "how much is kept" },
  reset_gate: { title: "Reset gate", symbol: "r", meaning: "how much of the past the candidate reads" },
  update_gate: { title: "Update gate", symbol: "z", meaning: "how much is kept" },
  candidate: { title: "Candidate", symbol: "g", meaning: "what would be written" },
  output_gate: { title: "Output gate", symbol: "o", meaning: "how much is read out" },
  cell: { title: "Cell state", symbol: "c", meaning: "the long-term memory" },
  hidden: { title: "Hidden state", symbol: "h", meaning: "input of the next layer" },
};

/**
 * Title of a lane: of a value, of a value in a stack (`lstm1.cell`), or of another layer by its name.
 * @param {string} name
 * @param {string[]} [others] Names of the values beside it: in the equations of a GRU the candidate has another symbol.
 * @returns {LaneTitle}
 */
export function laneTitle(name, others = []) {
  const at = name.lastIndexOf(".");
  const [layer, key] = [name.slice(0, at + 1), name.slice(at + 1)];
  const isOfGRU = key === "candidate" && others.includes(`${layer}reset_gate`);
  const value = isOfGRU ? { ...VALUES[key], symbol: "n" } : VALUES[key];
  if (!value) return { title: name, symbol: "", meaning: "" };
  return at < 0 ? value : { ...value, title: `${name.slice(0, at)}: ${value.title.toLowerCase()}` };
}

/**
 * Lanes of an answer where the attribute `values` is empty: its values by step and unit, in the order of the server.
 * @param {import("./client.js").Answer | null} answer
 */
export function lanesOf(answer) {
  return Array.from(answer?.tensors.values() ?? [])
    .filter(({ axes }) => axes.join() === "step,unit")
    .map(({ name }) => name);
}

/**
 * Values of a lane: one for every step and unit, or one for every step where `units` is null.
 * @typedef {object} Lane
 * @property {string} name
 * @property {string} [title] Title that the answer gives.
 * @property {number} first Step of the first row: 0 for states, else 1.
 * @property {number[] | null} units Units of a step's values, in order.
 * @property {ArrayLike<number>} values Step by step: all units of a step are adjacent.
 * @property {string} dtype
 * @property {{ map: string, low: number, high: number }} range
 */

/**
 * Values of a lane in an answer of the probe `trace`.
 * @param {string} name
 * @param {import("./client.js").Answer} answer
 * @returns {Lane | null} Null where the answer lacks the tensor.
 */
export function laneData(name, answer) {
  if (name === "count") return countLane(answer.input.sequence);
  const tensor = answer.tensors.get(COMPUTED[name] ?? name);
  if (!tensor) return null;
  if (name === "probability") return probabilityLane(tensor, answer.prediction);
  const first = Number(tensor.labels("step")[0]);
  if (tensor.axes.length === 1) return { name, first, units: null, values: tensor.values, dtype: tensor.dtype, range: rangeOf(tensor) };
  const units = /** @type {number[]} */ (tensor.labels(tensor.axes[1]));
  const isLabelled = tensor.axes[1] !== "unit";
  const shown = isLabelled ? units.map((_, at) => at) : units;
  return { name, first, units: shown, values: tensor.values, dtype: tensor.dtype, range: rangeOf(tensor) };
}

/**
 * Ones minus zeros after every step, from 0 at step 0; null for a sequence of other symbols.
 * @param {unknown} bits
 * @returns {Lane | null}
 */
function countLane(bits) {
  if (typeof bits !== "string" || /[^01]/.test(bits)) return null;
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
 * Probability of a label at every step, by softmax of the logits: of two labels the second, else the predicted one.
 * @param {Tensor} logits
 * @param {import("./client.js").Prediction} prediction
 * @returns {Lane}
 */
function probabilityLane(logits, { label }) {
  const labels = logits.labels("label");
  const shown = labels.length === 2 ? 1 : label;
  const values = Float64Array.from({ length: logits.shape[0] }, (_, at) => {
    const row = Array.from(logits.slice(at));
    return 1 / row.reduce((sum, logit) => sum + Math.exp(logit - row[shown]), 0);
  });
  const range = { map: "viridis", low: 0, high: 1 };
  return { name: "probability", title: `P(${labels[shown]})`, first: 1, units: null, values, dtype: "float64", range };
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
