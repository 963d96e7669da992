/** Compared lanes: one value of two runs in one colour range, and the difference over the steps that both have. */

import { paint, rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { Tensor } from "../../sdk/tensor.js";
import { laneData } from "../../sdk/trace-lane-data.js";
import { commonRange, difference, differenceTensor, largest } from "../compare/differences.js";
import { statsOf } from "../images/channel-tensor.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */

/** Name of the lane of the running answer, which is no value of a layer. */
export const ANSWER = "probability";

/**
 * Values of one lane: all units of a value, one unit of it, or the running probability of a class.
 * @param {Answer} answer
 * @param {string} value Name of a tensor, or `ANSWER`.
 * @param {{ unit: number | null, label: number }} which Null for all units; the class of the running probability.
 * @returns {Tensor | null} Of the axes step and unit, or step alone; null where the answer lacks it.
 */
export function laneOf(answer, value, { unit, label }) {
  if (value === ANSWER) return runningAnswer(answer, label);
  const tensor = answer.tensors.get(value) ?? null;
  if (!tensor || unit === null) return tensor;
  const [steps, units] = tensor.shape;
  if (unit >= units) return null;
  const values = Float32Array.from({ length: steps }, (_, step) => tensor.at(step, unit));
  const { description, colour } = tensor;
  // The range of a whole layer would make the line of a unit flat.
  const most = largest(values);
  const own = colour && colour.scope !== "fixed" ? { ...colour, vmin: colour.map === "RdBu" ? -most : 0, vmax: most } : colour;
  return new Tensor(
    { ...description, axes: ["step"], shape: [steps], coordinates: { step: tensor.labels("step") }, stats: statsOf(values), colour: own },
    values,
  );
}

/** Probability of a class after every step. @param {Answer} answer @param {number} label */
function runningAnswer(answer, label) {
  const data = laneData(ANSWER, { ...answer, prediction: { ...answer.prediction, label } });
  if (!data) return null;
  const values = /** @type {Float64Array} */ (data.values);
  const coordinates = { step: Array.from(values, (_, at) => at + data.first) };
  const colour = /** @type {const} */ ({ map: data.range.map, vmin: 0, vmax: 1, scope: "fixed" });
  return new Tensor(
    { name: ANSWER, kind: "probability", axes: ["step"], coordinates, shape: [values.length], dtype: "float64", stats: statsOf(values), colour },
    values,
  );
}

/**
 * Both sides and their difference.
 * @param {Tensor} one
 * @param {Tensor} other
 * @returns {{ A: Tensor, B: Tensor, difference: Tensor }} The difference has the steps that both have.
 */
export function compared(one, other) {
  const { map, low, high } = commonRange(one, other);
  const colour = /** @type {const} */ ({ map, vmin: low, vmax: high, scope: "layer" });
  const [A, B] = [one, other].map((tensor) => new Tensor({ ...tensor.description, colour }, tensor.values));
  const steps = Math.min(one.shape[0], other.shape[0]);
  const count = (steps * one.values.length) / one.shape[0];
  const like = new Tensor(
    { ...one.description, shape: [steps, ...one.shape.slice(1)], coordinates: { ...one.coordinates, step: one.labels("step").slice(0, steps) } },
    one.values.slice(0, count),
  );
  return { A, B, difference: differenceTensor(like, difference(like.values, other.values.slice(0, count))) };
}

/**
 * Answer with the three lanes, as `<lw-gate-trace>` shows it.
 * @param {{ A: Tensor, B: Tensor, difference: Tensor }} sides
 * @param {string} value
 * @param {Answer} longer Answer for the longer sequence, whose steps the lanes have.
 */
export function laneAnswer({ A, B, difference: apart }, value, longer) {
  const lanes = /** @type {const} */ ([["A", A], ["B", B], ["B − A", apart]]);
  const tensors = new Map(lanes.map(([side, tensor]) => [`${side}.${value}`, new Tensor({ ...tensor.description, name: `${side}.${value}` }, tensor.values)]));
  return { ...longer, tensors };
}

/**
 * Lanes as small pictures, one pixel for each value, for the saved picture.
 * @param {Answer} lanes
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 */
export function lanePictures(lanes, tables) {
  return Array.from(lanes.tensors.values(), (tensor) => {
    const [steps, units = 1] = tensor.shape;
    const { map, low, high } = rangeOf(tensor);
    const rows = Array.from({ length: units * steps }, (_, at) => tensor.values[(at % steps) * units + Math.floor(at / steps)]);
    const canvas = make("canvas", { width: steps, height: units });
    const table = tables.get(map);
    if (table) canvas.getContext("2d")?.putImageData(paint(rows, steps, low, high, table), 0, 0);
    return { title: tensor.name.replace(".", " · "), canvas, range: `${formatNumber(low)} to ${formatNumber(high)}, ${map}` };
  });
}
