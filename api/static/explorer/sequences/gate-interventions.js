/** Gate interventions: the running probability with a gate or a state set to a value for some steps. */

import { make } from "../../sdk/dom.js";
import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { LineChart } from "../line-chart.js";
import { choicesOf, countsBits } from "../model-facts.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { stateSelect } from "../state-select.js";
import { recurrentLayers } from "./recurrent-layers.js";
import { stepsOf } from "./sequence-kind.js";
import { sequenceView } from "./sequence-view.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** Edits of a cell's values, each with its text; those of values that a cell lacks are left out. */
const EDITS = /** @type {const} */ ([
  ["forget_gate", "1", "forget gate open (1): keep everything"],
  ["forget_gate", "0", "forget gate closed (0): forget everything"],
  ["input_gate", "1", "input gate open (1): write everything"],
  ["input_gate", "0", "input gate closed (0): write nothing"],
  ["output_gate", "0", "output gate closed (0): read nothing out"],
  ["update_gate", "1", "update gate open (1): keep everything"],
  ["update_gate", "0", "update gate closed (0): keep nothing"],
  ["reset_gate", "1", "reset gate open (1): read all of the past"],
  ["reset_gate", "0", "reset gate closed (0): read nothing of the past"],
  ["cell", "0", "cell state reset (0)"],
  ["hidden", "0", "hidden state reset (0)"],
]);
const UNITS = /** @type {const} */ ([
  ["all", "all units"],
  ["unit", "the followed unit"],
]);
const STEPS = /** @type {const} */ ([
  ["step", "at the current step"],
  ["until", "up to the current step"],
  ["all", "at every step"],
]);

/**
 * Fill the panel `gates-if`.
 * @param {import("../context.js").Context} context
 */
export function mountGateInterventions(context) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, "gates-if-body");
  const edits = editsFor(model);
  const aim = countsBits(model) ? "more 1s" : model.classes.length === 2 ? model.classes[1] : "its answer";
  const subject = countsBits(model) ? "More 1s" : `P(${aim})`;
  const title = `Probability of “${aim}” after each step`;
  const chart = new LineChart(title);
  const explanation = make("p", { class: "explain", role: "status" });
  body.replaceChildren(
    make(
      "div",
      { class: "row choices" },
      stateSelect(store, "gateEdit", "Set", [["", "nothing"], ...edits]),
      stateSelect(store, "gateUnits", "of", [...UNITS]),
      stateSelect(store, "gateSteps", "when", [...STEPS]),
    ),
    make("h3", {}, title),
    chart.element,
    explanation,
  );

  /** Whether the user has just changed a setting: only then is the answer announced. */
  let isUserChange = false;

  /** Edits of the request. @param {import("../state.js").State} state */
  function editsOf({ gateEdit, gateUnits, gateSteps, step, unit }) {
    if (!edits.some(([known]) => known === gateEdit)) return [];
    const at = gateEdit.lastIndexOf(".");
    const [value, amount] = [gateEdit.slice(0, at), gateEdit.slice(at + 1)];
    const last = Math.max(1, step);
    const steps = { step: [last, last], until: [1, last], all: null }[gateSteps] ?? null;
    const units = gateUnits === "unit" ? [unit] : null;
    return [{ value, operation: "set", amount: Number(amount), units, steps }];
  }

  /** @returns {import("../context.js").View} */
  function describe() {
    const values = choicesOf(model, "intervene", "values").at(-1) ?? null;
    return sequenceView(context, "intervene", { values }, { edits: editsOf(store.state) });
  }
  addDownloads(body, describe);

  const send = latestRequest(
    context,
    (/** @type {import("../state.js").State} */ _, signal) => {
      const query = { ...describe(), signal };
      return retryWhileCompiling(
        `/${model.name}/intervene`,
        () => lightwell.ask(model.name, "intervene", query),
        signal,
        () => (explanation.textContent = COMPILING),
      );
    },
    render,
    (error) => (explanation.textContent = error.message),
    body,
  );

  /** @param {Answer} answer @param {import("../state.js").State} query */
  function render({ tensors, measures, prediction }, { sequence, gateEdit }) {
    const [before, after] = ["baseline", "edited"].map((name) => {
      const tensor = /** @type {Tensor} */ (tensors.get(`running_probability.${name}`));
      // Of more than two classes there is a row for each.
      return tensor.shape.length > 1 ? tensor.slice(prediction.label) : tensor.values;
    });
    const names = Array.from(stepsOf(model, sequence), (_, at) => at + 1);
    const curves = [{ name: "unchanged", values: before }];
    if (gateEdit) curves.push({ name: "edited", values: after });
    chart.show(curves, { unit: "step", names, ends: [0, 1] });
    const last = names.length - 1;
    const [was, is] = [before, after].map((values) => formatPercent(values[last]));
    const moved = Number(measures.get("logit_difference_edited")) - Number(measures.get("logit_difference_baseline"));
    explanation.textContent = !gateEdit
      ? "Choose a gate or a state to set, and compare the answers."
      : `${subject}: ${was} unchanged, ${is} edited (the difference of the logits changes by ${formatNumber(moved, 3)}). ` +
        (measures.get("answer_changed") ? "The answer changes." : "The answer stays.");
    if (isUserChange) announce(explanation.textContent);
    isUserChange = false;
  }

  store.on(["gateEdit", "gateUnits", "gateSteps"], (state) => {
    isUserChange = true;
    void send(state);
  });
  isUserChange = false;
  store.on(["sequence", "sequenceCheckpoint"], (state) => void send(state));
  store.on(["step", "unit"], (state) => {
    if (state.gateEdit && (state.gateSteps !== "all" || state.gateUnits === "unit")) void send(state);
  });
}

/**
 * Edits of every recurrent layer, as state values with their texts.
 * @param {import("../context.js").Model} model
 * @returns {[string, string][]}
 */
function editsFor(model) {
  const layers = recurrentLayers(model);
  return layers.flatMap(({ name, tensor, values }) =>
    EDITS.filter(([value]) => values.some((one) => one.value === value)).map(([value, amount, text]) => {
      /** @type {[string, string]} */
      const choice = [`${tensor(value)}.${amount}`, layers.length > 1 ? `${name}: ${text}` : text];
      return choice;
    }),
  );
}
