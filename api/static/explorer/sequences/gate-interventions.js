/** Gates, if: the same sequence with a gate or a state edited over some steps. */

import { make } from "/sdk/dom.js";
import { formatPercent, formatNumber } from "/sdk/number-format.js";
import { stateSelect } from "../state-select.js";
import { latestRequest } from "../latest-request.js";
import { LineChart } from "../line-chart.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

const EDITS = /** @type {const} */ ([
  ["", "nothing"],
  ["forget_gate.1", "forget gate open (1): keep everything"],
  ["forget_gate.0", "forget gate shut (0): forget everything"],
  ["input_gate.1", "input gate open (1): write everything"],
  ["input_gate.0", "input gate shut (0): write nothing"],
  ["output_gate.0", "output gate shut (0): show nothing"],
  ["cell.0", "cell state wiped (0)"],
  ["hidden.0", "hidden state wiped (0)"],
]);
const WHOSE = /** @type {const} */ ([
  ["all", "all units"],
  ["unit", "the unit that is followed"],
]);
const WHEN = /** @type {const} */ ([
  ["step", "at the chosen step"],
  ["until", "up to the chosen step"],
  ["all", "at every step"],
]);

/**
 * Fill the panel `gates-if`.
 * @param {import("../context.js").Context} context
 */
export function mountGatesIf({ lightwell, store, announce }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("gates-if-body"));
  const chart = new LineChart("Probability of “more 1s” so far");
  const story = make("p", { class: "explain", role: "status" });
  body.replaceChildren(
    make(
      "div",
      { class: "row choices" },
      stateSelect(store, "gateEdit", "Set", [...EDITS]),
      stateSelect(store, "gateUnits", "of", [...WHOSE]),
      stateSelect(store, "gateSteps", "when", [...WHEN]),
    ),
    chart.element,
    story,
  );

  /** Whether somebody has just chosen something here: only then is the answer said aloud. */
  let isChosen = false;

  /** What is posted beside the sequence. @param {import("../state.js").State} state */
  function editsOf({ gateEdit, gateUnits, gateSteps, step, unit }) {
    const [value, amount] = gateEdit.split(".");
    if (!amount) return [];
    const last = Math.max(1, step);
    const steps = { step: [last, last], until: [1, last], all: null }[gateSteps] ?? null;
    const units = gateUnits === "unit" ? [unit] : null;
    return [{ value, operation: "set", amount: Number(amount), units, steps }];
  }

  const ask = latestRequest(
    (/** @type {import("../state.js").State} */ state, signal) => {
      const question = { input: state.sequence, parameters: { values: "cell" }, beside: { edits: editsOf(state) }, signal };
      return retryWhileCompiling(
        () => lightwell.ask("lstm", "intervene", question),
        signal,
        () => (story.textContent = COMPILING),
      );
    },
    render,
    (error) => (story.textContent = error.message),
  );

  /** @param {Answer} answer @param {import("../state.js").State} asked */
  function render({ tensors, measures }, { sequence, gateEdit }) {
    const [before, after] = ["baseline", "edited"].map((name) =>
      /** @type {Tensor} */ (tensors.get(`running_probability.${name}`)),
    );
    const names = Array.from(sequence, (_, at) => at + 1);
    const curves = [{ name: "as it is", values: before.values }];
    if (gateEdit) curves.push({ name: "edited", values: after.values });
    chart.show(curves, { unit: "step", names, ends: [0, 1] });
    const last = sequence.length - 1;
    const [was, is] = [before, after].map(({ values }) => formatPercent(values[last]));
    const moved = Number(measures.get("logit_difference_edited")) - Number(measures.get("logit_difference_baseline"));
    story.textContent = !gateEdit
      ? "Choose what to set, and see the answer move."
      : `More 1s: ${was} as it is, ${is} edited (the difference of the logits moves by ${formatNumber(moved, 3)}). ` +
        (measures.get("answer_changed") ? "The answer changes." : "The answer stays.");
    if (isChosen) announce(story.textContent);
    isChosen = false;
  }

  store.on(["gateEdit", "gateUnits", "gateSteps"], (state) => {
    isChosen = true;
    void ask(state);
  });
  isChosen = false;
  store.on(["sequence"], (state) => void ask(state));
  store.on(["step", "unit"], (state) => {
    if (state.gateEdit && (state.gateSteps !== "all" || state.gateUnits === "unit")) void ask(state);
  });
}
