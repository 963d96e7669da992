/** Gate interventions: the running probability with a gate or a state set to a value for some steps. */

import { make } from "/sdk/dom.js";
import { formatNumber, formatPercent } from "/sdk/number-format.js";
import { latestRequest } from "../latest-request.js";
import { LineChart } from "../line-chart.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { stateSelect } from "../state-select.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

const EDITS = /** @type {const} */ ([
  ["", "nothing"],
  ["forget_gate.1", "forget gate open (1): keep everything"],
  ["forget_gate.0", "forget gate closed (0): forget everything"],
  ["input_gate.1", "input gate open (1): write everything"],
  ["input_gate.0", "input gate closed (0): write nothing"],
  ["output_gate.0", "output gate closed (0): read nothing out"],
  ["cell.0", "cell state reset (0)"],
  ["hidden.0", "hidden state reset (0)"],
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
export function mountGateInterventions({ lightwell, store, announce }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("gates-if-body"));
  const chart = new LineChart("Probability of “more 1s” so far");
  const explanation = make("p", { class: "explain", role: "status" });
  body.replaceChildren(
    make(
      "div",
      { class: "row choices" },
      stateSelect(store, "gateEdit", "Set", [...EDITS]),
      stateSelect(store, "gateUnits", "of", [...UNITS]),
      stateSelect(store, "gateSteps", "when", [...STEPS]),
    ),
    chart.element,
    explanation,
  );

  /** Whether the user has just changed a setting: only then is the answer announced. */
  let isUserChange = false;

  /** Edits of the request. @param {import("../state.js").State} state */
  function editsOf({ gateEdit, gateUnits, gateSteps, step, unit }) {
    const [value, amount] = gateEdit.split(".");
    if (!amount) return [];
    const last = Math.max(1, step);
    const steps = { step: [last, last], until: [1, last], all: null }[gateSteps] ?? null;
    const units = gateUnits === "unit" ? [unit] : null;
    return [{ value, operation: "set", amount: Number(amount), units, steps }];
  }

  const send = latestRequest(
    (/** @type {import("../state.js").State} */ state, signal) => {
      const query = { input: state.sequence, parameters: { values: "cell" }, extra: { edits: editsOf(state) }, signal };
      return retryWhileCompiling(
        () => lightwell.ask("lstm", "intervene", query),
        signal,
        () => (explanation.textContent = COMPILING),
      );
    },
    render,
    (error) => (explanation.textContent = error.message),
  );

  /** @param {Answer} answer @param {import("../state.js").State} query */
  function render({ tensors, measures }, { sequence, gateEdit }) {
    const [before, after] = ["baseline", "edited"].map((name) =>
      /** @type {Tensor} */ (tensors.get(`running_probability.${name}`)),
    );
    const names = Array.from(sequence, (_, at) => at + 1);
    const curves = [{ name: "unchanged", values: before.values }];
    if (gateEdit) curves.push({ name: "edited", values: after.values });
    chart.show(curves, { unit: "step", names, ends: [0, 1] });
    const last = sequence.length - 1;
    const [was, is] = [before, after].map(({ values }) => formatPercent(values[last]));
    const moved = Number(measures.get("logit_difference_edited")) - Number(measures.get("logit_difference_baseline"));
    explanation.textContent = !gateEdit
      ? "Choose a gate or a state to set, and compare the answers."
      : `More 1s: ${was} unchanged, ${is} edited (the difference of the logits changes by ${formatNumber(moved, 3)}). ` +
        (measures.get("answer_changed") ? "The answer changes." : "The answer stays.");
    if (isUserChange) announce(explanation.textContent);
    isUserChange = false;
  }

  store.on(["gateEdit", "gateUnits", "gateSteps"], (state) => {
    isUserChange = true;
    void send(state);
  });
  isUserChange = false;
  store.on(["sequence"], (state) => void send(state));
  store.on(["step", "unit"], (state) => {
    if (state.gateEdit && (state.gateSteps !== "all" || state.gateUnits === "unit")) void send(state);
  });
}
