/** Unit questions: what units of a network of sequences can be found by, answered by the statistics of the probe `summary`. */

import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import { laneTitle } from "../../sdk/trace-lane-data.js";
import { countsBits } from "../model-facts.js";
import { recurrentLayers } from "./recurrent-layers.js";
import { sequenceKind } from "./sequence-kind.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../find/questions.js").Question} Question */
/** @typedef {import("../find/questions.js").Found} Found */
/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

const SHOWN = 10;

/** Quantities of a network that counts bits, each with its question. */
const FOLLOWED = /** @type {const} */ ([
  ["difference", "follows the count", "counter counts ones minus zeros difference"],
  ["ones", "follows the number of 1s", "counts ones"],
  ["zeros", "follows the number of 0s", "counts zeros"],
  ["steps", "follows the number of steps", "clock time counts position"],
  ["bit", "follows the last bit", "input current"],
  ["answer", "follows the answer", "majority more correct"],
]);

/** Ends of a gate, as the probe names them. */
const ENDS = /** @type {const} */ ([["< 0.1", "closed", "shut"], ["> 0.9", "open", ""]]);

/** Statistics of one recurrent layer; its name is empty where the network has no other. @typedef {{ name: string, answer: Answer }} Summary */

/**
 * List the questions that a network's units answer; the statistics are requested with the first.
 * @param {Context} context
 * @returns {Question[]}
 */
export function unitQuestions(context) {
  const { model } = context;
  const gates = [...new Set(recurrentLayers(model).flatMap(({ values }) => values.filter(({ kind }) => kind === "gate").map(({ value }) => value)))];
  const question = (/** @type {string} */ text, /** @type {string} */ words, /** @type {string} */ score, /** @type {(one: Summary) => Found[]} */ rank, isRising = false) => ({
    text, words, score,
    ask: async (/** @type {string | null} */ layer, /** @type {AbortSignal} */ signal) => {
      const found = (await summaries(context, layer, signal)).flatMap(rank).filter(({ score: value }) => !Number.isNaN(value));
      return found.sort((one, other) => (isRising ? one.score - other.score : other.score - one.score) || 0).slice(0, SHOWN);
    },
  });
  const counting = FOLLOWED.map(([quantity, text, words]) =>
    question(text, words, "R² of a line through its state, 1 for all of its variance", (one) => following(one, quantity)),
  );
  const down = question("counts down", "falls falling negative decreases", "R² of a line through its state", (one) => following(one, "difference", true));
  return [
    ...(countsBits(model) ? [...counting, down] : []),
    ...(gates.length ? [
      question("remembers longest", "memory long time constant keeps slowest", "time constant of its state, in steps", timeConstants),
      question("forgets soonest", "memory short time constant fastest", "time constant of its state, in steps", timeConstants, true),
    ] : []),
    ...gates.flatMap((gate) =>
      ENDS.map(([end, state, words]) =>
        question(`${laneTitle(gate).title.toLowerCase()} mostly ${state}`, words, `share of steps at which the gate is ${end}`, (one) => saturated(one, `${gate} ${end}`)),
      ),
    ),
  ];
}

/**
 * Request the statistics of a layer, or of all. Of a network that counts bits they are those of held-out sequences, else of the sequence on display.
 * @param {Context} context
 * @param {string | null} layer
 * @param {AbortSignal} signal
 * @returns {Promise<Summary[]>}
 */
async function summaries({ lightwell, model, store }, layer, signal) {
  const names = recurrentLayers(model).map(({ name }) => name).filter((name) => layer === null || name === layer);
  const input = sequenceKind(model).input(store.state.sequence);
  const ask = (/** @type {string} */ name) => lightwell.ask(model.name, "summary", { input, parameters: { layer: name, include: ["tensors", "measures"] }, signal });
  const isOnly = recurrentLayers(model).length === 1;
  return Promise.all(names.map(async (name) => ({ name: isOnly ? "" : name, answer: await ask(name) })));
}

/** Units by the R² of their first state with a quantity. @param {Summary} summary @param {string} quantity @param {boolean} [isFalling] Only those whose state falls with it. @returns {Found[]} */
function following(summary, quantity, isFalling = false) {
  const { r2, slope } = tensorsOf(summary, ["r2", "slope"]);
  const row = (r2?.labels("follows") ?? []).findIndex((name) => String(name).endsWith(` · ${quantity}`));
  if (!r2 || row < 0) return [];
  const units = r2.labels("unit").map((_, unit) => unit);
  return units.filter((unit) => !isFalling || (slope?.at(unit) ?? 0) < 0).map((unit) => {
    const change = quantity === "difference" && slope ? `${formatNumber(slope.at(unit), 2)} for each further 1` : "";
    return foundOf(summary, unit, r2.at(row, unit), r2.dtype, change || roleOf(summary, unit));
  });
}

/** @param {Summary} summary @returns {Found[]} */
function timeConstants(summary) {
  const { time_constant: steps } = tensorsOf(summary, ["time_constant"]);
  return Array.from(steps?.values ?? [], (value, unit) => foundOf(summary, unit, value, steps?.dtype ?? "", roleOf(summary, unit)));
}

/** @param {Summary} summary @param {string} end Such as `forget_gate > 0.9`. @returns {Found[]} */
function saturated(summary, end) {
  const { saturation } = tensorsOf(summary, ["saturation"]);
  const row = (saturation?.labels("gate") ?? []).indexOf(end);
  if (!saturation || row < 0) return [];
  return saturation.labels("unit").map((_, unit) => {
    const share = saturation.at(row, unit);
    return foundOf(summary, unit, share, saturation.dtype, `${formatPercent(share)} of the steps`);
  });
}

/** @param {Summary} summary @param {string[]} names @returns {Record<string, Tensor | undefined>} */
function tensorsOf({ answer }, names) {
  return Object.fromEntries(names.map((name) => [name, answer.tensors.get(name)]));
}

/** @param {Summary} summary @param {number} unit */
function roleOf({ answer }, unit) {
  const role = answer.measures.get(`role.${unit}`);
  return role ? `role: ${role}` : "";
}

/** @param {Summary} summary @param {number} unit @param {number} score @param {string} dtype @param {string} says @returns {Found} */
function foundOf({ name }, unit, score, dtype, says) {
  return name
    ? { name: `unit ${unit} of ${name}`, score, dtype, says, chosen: { unit, recurrent: name } }
    : { name: `unit ${unit}`, score, dtype, says, chosen: { unit } };
}
