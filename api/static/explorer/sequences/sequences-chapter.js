/** Sequences chapter: mounts the panels of the LSTM. */

import { make } from "/sdk/dom.js";
import { GateTrace } from "/sdk/gate-trace.js";
import { formatPercent } from "/sdk/number-format.js";
import { DEFAULT_LANES, LANES } from "/sdk/trace-lane-data.js";
import { downloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { loadWhenNear } from "../lazy-panels.js";
import { probabilityBars } from "../probability-bars.js";
import { codePanel } from "../request-code.js";
import { DEFAULTS } from "../state.js";
import { mountBitEditor } from "./bit-editor.js";
import { cellArithmetic, predictionAt } from "./cell-arithmetic.js";
import { countBits, readBits, withNoun } from "./sequence-text.js";
import { stepControls } from "./step-controls.js";
import { orderOf, unitChips } from "./unit-chips.js";

/** @typedef {import("../context.js").View} View */
/** @typedef {import("/sdk/client.js").Answer} Answer */

/**
 * Fill the chapter.
 * @param {import("../context.js").Context} context
 */
export async function mountSequences(context) {
  const { lightwell, store, announce, lstm } = context;
  const units = lstm.layers.find(({ name }) => name === "cell")?.shape[1] ?? 0;
  keepValid(store, units);
  mountBitEditor(context);
  const roles = await rolesOf(lightwell, units);

  /** @type {Answer | null} */
  let answer = null;
  const trace = new GateTrace();
  trace.values = ["count", "probability", ...DEFAULT_LANES].join(",");
  const warning = make("p", { class: "warning", role: "alert", hidden: true });
  const laneToSave = laneSelect();
  place("lanes-body").replaceChildren(
    stepControls(context, (step) => stepText(answer, step)),
    unitChips(context, roles),
    warning,
    trace,
  );
  place("lanes")
    .querySelector("header")
    ?.append(
      make(
        "div",
        { class: "row" },
        laneToSave,
        downloads(() => view(laneToSave.value)),
      ),
    );
  const bars = probabilityBars(place("sequence-bars"), lstm.classes);
  const verdict = make("p", { class: "verdict" });
  const warnings = make("div");
  place("sequence-bars").prepend(verdict);
  place("sequence-bars").append(warnings);
  const arithmetic = cellArithmetic(lstm.classes);
  const code = codePanel(place("sequence-code-body"), () => view(""));

  /**
   * View of one lane, or of all.
   * @param {string} lane Empty for all.
   * @returns {View}
   */
  function view(lane) {
    const { sequence, palette } = store.state;
    return {
      name: `lstm-${lane || "trace"}`,
      model: "lstm",
      probe: "trace",
      input: sequence,
      written: { sequence },
      parameters: { values: lane || null, cmap: palette },
      tensor: answer?.tensors.get(lane),
    };
  }

  const send = latestRequest(
    (/** @type {{ sequence: string, cmap: string }} */ { sequence, cmap }, signal) =>
      lightwell.trace(sequence, { cmap }, { signal }),
    (response, { sequence }) => {
      const isNewSequence = answer !== null && answer.input.sequence !== sequence;
      answer = trace.answer = response;
      warning.hidden = true;
      bars.update(response.prediction);
      verdict.replaceChildren(...verdictNodes(response));
      warnings.replaceChildren(
        ...response.warnings.map(({ message }) => make("p", { class: "warning" }, message)),
      );
      showStep();
      if (isNewSequence) announce(verdict.textContent ?? "");
    },
    (error) => {
      warning.textContent = error.message;
      warning.hidden = false;
    },
  );

  function showStep() {
    const { sequence, step, unit } = store.state;
    // While a request is pending, the answer on display belongs to the sequence before.
    if (answer && answer.input.sequence === sequence) arithmetic.update(answer, step, unit);
  }

  trace.addEventListener("lw-step", (event) =>
    store.set({ step: /** @type {CustomEvent} */ (event).detail.step }),
  );
  trace.addEventListener("lw-unit", (event) =>
    store.set({ unit: /** @type {CustomEvent} */ (event).detail.unit }),
  );
  store.on(["step", "unit", "sequence"], ({ step, unit }) => {
    trace.step = step;
    trace.unit = unit;
    showStep();
  });
  loadWhenNear("bit-reasons", async () => (await import("./bit-attribution.js")).mountBitAttribution(context));
  loadWhenNear("gates-if", async () => (await import("./gate-interventions.js")).mountGateInterventions(context));
  loadWhenNear("counter", async () => (await import("../server-pictures.js")).mountServerPictures(context, "counter-body", "counterView"));
  store.on(["order"], ({ order }) => (trace.order = orderOf(roles, order)));
  store.on(["sequence", "palette"], ({ sequence, palette }) => {
    code.update();
    void send({ sequence, cmap: palette });
  });
}

/** @param {string} id */
function place(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * Replace invalid values of a link by the nearest valid ones.
 * @param {import("../state.js").Store} store
 * @param {number} units
 */
function keepValid(store, units) {
  store.on(["sequence", "step", "unit"], ({ sequence, step, unit }) => {
    const bits = readBits(sequence).bits || DEFAULTS.sequence;
    store.set({
      sequence: bits,
      step: Math.min(bits.length, Math.max(0, step)),
      unit: Math.min(units - 1, Math.max(0, unit)),
    });
  });
}

/**
 * Request the role of each unit, once; without an answer the units have no roles.
 * @param {import("/sdk/client.js").Lightwell} lightwell
 * @param {number} units
 * @returns {Promise<import("./unit-chips.js").Role[]>}
 */
async function rolesOf(lightwell, units) {
  const numbers = Array.from({ length: units }, (_, unit) => unit);
  try {
    const { measures, tensors } = await lightwell.summary("1");
    const slopes = tensors.get("slope")?.values ?? [];
    return numbers.map((unit) => ({
      name: String(measures.get(`role.${unit}`) ?? ""),
      slope: slopes[unit] ?? NaN,
    }));
  } catch {
    return numbers.map(() => ({ name: "", slope: NaN }));
  }
}

/** Make the select of the lane to save. */
function laneSelect() {
  const lanes = DEFAULT_LANES.map((name) => make("option", { value: name }, LANES[name].title));
  const select = make(
    "select",
    { "aria-label": "Lane to save" },
    make("option", { value: "" }, "All lanes"),
    ...lanes,
  );
  return select;
}

/**
 * Describe a step in a sentence.
 * @param {Answer | null} answer
 * @param {number} step
 */
function stepText(answer, step) {
  const bits = answer?.input.sequence ?? "";
  if (!answer || step < 1 || step > bits.length) return `Step ${step}`;
  const { ones, zeros } = countBits(bits.slice(0, step));
  const yes = predictionAt(answer, step).probabilities[1];
  return `Step ${step} of ${bits.length}: bit ${bits[step - 1]}, ${withNoun(ones, "one")} and ${withNoun(zeros, "zero")} so far, more 1s: ${formatPercent(yes)}`;
}

/** The prediction, and whether it is correct. @param {Answer} answer */
function verdictNodes({ input, prediction }) {
  const { ones, zeros, more } = countBits(input.sequence);
  const isRight = (prediction.label === 1) === more;
  const share = formatPercent(prediction.probabilities[prediction.label]);
  return [
    make("strong", {}, prediction.label === 1 ? "Yes" : "No"),
    `, says the network (${share}). There ${ones === 1 ? "is" : "are"} ${withNoun(ones, "one")} and ${withNoun(zeros, "zero")}: `,
    isRight ? "that is right." : "that is wrong.",
  ];
}
