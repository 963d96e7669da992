/** Sequences chapter: mounts the panels of a network of sequences. */

import { make } from "../../sdk/dom.js";
import { GateTrace } from "../../sdk/gate-trace.js";
import { formatPercent } from "../../sdk/number-format.js";
import { laneTitle } from "../../sdk/trace-lane-data.js";
import { weightsFor } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads, downloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { finderMenu } from "../finder-menu.js";
import { loadWhenNear } from "../lazy-panels.js";
import { alphabetOf, countsBits, hasProbe, isBits, stepNoun } from "../model-facts.js";
import { probabilityBars } from "../probability-bars.js";
import { codePanel } from "../request-code.js";
import { DEFAULTS } from "../state.js";
import { mountTabs } from "../tabs.js";
import { countBits, withNoun } from "./bits.js";
import { cellArithmetic, predictionAt } from "./cell-arithmetic.js";
import { laneNames, mostUnits, recurrentLayers } from "./recurrent-layers.js";
import { mountRowEditor } from "./row-editor.js";
import { sequenceKind } from "./sequence-kind.js";
import { sequenceView } from "./sequence-view.js";
import { stepControls } from "./step-controls.js";
import { mountSymbolEditor } from "./symbol-editor.js";
import { orderOf, unitChips } from "./unit-chips.js";

/** @typedef {import("../context.js").View} View */
/** @typedef {import("../../sdk/client.js").Answer} Answer */

/** State values that name layers, units or methods of one network. */
const OF_THE_NETWORK = /** @type {const} */ ([
  "unit", "findUnit", "recurrent", "part", "sequencePanel", "gateEdit", "bitMethod", "counterView", "sequenceCheckpoint", "source", "patched",
  "weightsLayer", "otherUnit", "otherSequenceCheckpoint", "otherSequenceModel", "comparedValue",
]);

/** Chapter of the networks of sequences. @type {import("../chapter.js").Chapter} */
export const SEQUENCES = {
  describe(model) {
    const cells = recurrentLayers(model).map(({ cell }) => cell);
    const isGated = cells.some((cell) => cell !== "rnn");
    return [countsBits(model) ? "counts" : "steps", isBits(model) ? "bits" : "not-bits", isGated ? "gates" : "no-gates", cells[0]];
  },
  // A sequence of another alphabet is replaced when the chapter opens.
  reset: () => Object.fromEntries(OF_THE_NETWORK.map((key) => [key, DEFAULTS[key]])),
  mount: mountSequences,
};

/**
 * Fill the chapter.
 * @param {import("../context.js").Context} context
 */
async function mountSequences(context) {
  const { lightwell, store, announce, model } = context;
  const kind = sequenceKind(model);
  const units = mostUnits(model);
  keepValid(context, units);
  if (alphabetOf(model).length) mountSymbolEditor(context);
  else mountRowEditor(context);
  const roles = await rolesOf(context, units);
  const place = (/** @type {string} */ id) => part(context, id);
  const optional = (/** @type {string} */ id) => /** @type {HTMLElement | null} */ (part(context, id));

  /** @type {Answer | null} */
  let answer = null;
  /** Sequence of that answer. */
  let shown = "";
  const weights = () => weightsFor(model, store.state, "trace");
  /** @type {(() => void)[]} */
  const listeners = [];
  /** @type {import("./other-run.js").CurrentRun} */
  const run = {
    get answer() {
      return shown === store.state.sequence ? answer : null;
    },
    get parameters() {
      return { cmap: store.state.palette, ...weights() };
    },
    onAnswer(listener) {
      listeners.push(listener);
      listener();
    },
  };
  const trace = new GateTrace();
  trace.values = [...(countsBits(model) ? ["count"] : []), "probability", ...laneNames(model)].join(",");
  if (countsBits(model)) trace.titles = { probability: "P(more 1s)" };
  const warning = make("p", { class: "warning", role: "alert", hidden: true });
  const laneToSave = laneSelect(model);
  place("lanes-body").replaceChildren(
    stepControls(context, (step) => stepText(model, answer, step)),
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
        ...(isMeasured(model) ? [finderMenu(context, "findUnit", "unit", async () => (await import("./unit-questions.js")).unitQuestions(context))] : []),
        laneToSave,
        downloads(() => view(laneToSave.value)),
      ),
    );
  const bars = probabilityBars(place("sequence-bars"), model.classes);
  const verdict = make("p", { class: "verdict" });
  const warnings = make("div");
  place("sequence-bars").prepend(verdict);
  place("sequence-bars").append(warnings);
  addDownloads(place("sequence-answer"), () => sequenceView(context, "predict"));
  const arithmetic = cellArithmetic(context);
  const code = codePanel(place("sequence-code-body"), () => view(""));

  /**
   * View of one lane, or of all.
   * @param {string} lane Empty for all.
   * @returns {View}
   */
  function view(lane) {
    const whole = sequenceView(context, "trace", { values: lane || null, cmap: store.state.palette });
    return { ...whole, name: `${model.name}-${lane || "trace"}`, tensor: answer?.tensors.get(lane) };
  }

  const send = latestRequest(
    context,
    (/** @type {{ sequence: string, cmap: string }} */ { sequence, cmap }, signal) =>
      lightwell.ask(model.name, "trace", { input: kind.input(sequence), parameters: { cmap, ...weights() }, signal }),
    (response, { sequence }) => {
      const isNewSequence = answer !== null && shown !== sequence;
      shown = sequence;
      answer = trace.answer = response;
      warning.hidden = true;
      bars.update(response.prediction);
      verdict.replaceChildren(...verdictNodes(model, response));
      warnings.replaceChildren(
        ...response.warnings.map(({ message }) => make("p", { class: "warning" }, message)),
      );
      showStep();
      for (const listener of listeners) listener();
      if (isNewSequence) announce(verdict.textContent ?? "");
    },
    (error) => {
      warning.textContent = error.message;
      warning.hidden = false;
    },
    context.root,
  );

  function showStep() {
    const { sequence, step, unit } = store.state;
    // While a request is pending, the answer on display belongs to the sequence before.
    if (answer && shown === sequence) arithmetic.update(answer, step, unit);
  }

  trace.addEventListener("lw-step", (event) =>
    store.set({ step: /** @type {CustomEvent} */ (event).detail.step }),
  );
  trace.addEventListener("lw-unit", (event) =>
    store.set({ unit: /** @type {CustomEvent} */ (event).detail.unit }),
  );
  store.on(["step", "unit", "sequence", "recurrent"], ({ step, unit }) => {
    trace.step = step;
    trace.unit = unit;
    showStep();
  });
  mountTabs(context, "sequencePanel");
  loadWhenNear(optional("bit-reasons"), async () => (await import("./step-attribution.js")).mountStepAttribution(context));
  loadWhenNear(optional("gates-if"), async () => (await import("./gate-interventions.js")).mountGateInterventions(context));
  loadWhenNear(optional("patching"), async () => (await import("./patching-panel.js")).mountPatching(context));
  loadWhenNear(optional("memory"), async () => (await import("./memory-panel.js")).mountMemory(context));
  loadWhenNear(optional("weights"), async () => (await import("./weights-panel.js")).mountWeights(context));
  loadWhenNear(optional("counter"), async () => (await import("../analyses.js")).mountAnalyses(context, "counter-body", "counterView"));
  loadWhenNear(optional("sequence-compare"), async () => (await import("./compare.js")).mountSequenceCompare(context, run));
  store.on(["order"], ({ order }) => (trace.order = orderOf(roles, order)));
  store.on(["sequence", "palette", "sequenceCheckpoint"], ({ sequence, palette }) => {
    code.update();
    void send({ sequence, cmap: palette });
  });
}

/**
 * Replace invalid values of a link by the nearest valid ones.
 * @param {import("../context.js").Context} context
 * @param {number} units
 */
function keepValid({ store, model }, units) {
  const kind = sequenceKind(model);
  store.on(["sequence", "step", "unit"], ({ sequence, step, unit }) => {
    const known = kind.read(sequence).steps;
    const steps = known.length ? known : kind.read(kind.opening).steps;
    store.set({
      sequence: kind.write(steps),
      step: Math.min(steps.length, Math.max(0, step)),
      unit: Math.min(units - 1, Math.max(0, unit)),
    });
  });
}

/**
 * Request the role of each unit, once, of a network that counts; without an answer the units have no roles.
 * @param {import("../context.js").Context} context
 * @param {number} units
 * @returns {Promise<import("./unit-chips.js").Role[]>}
 */
async function rolesOf({ lightwell, model }, units) {
  const numbers = Array.from({ length: units }, (_, unit) => unit);
  const unknown = numbers.map(() => ({ name: "", slope: NaN }));
  if (!countsBits(model) || !hasProbe(model, "summary")) return unknown;
  try {
    const { measures, tensors } = await lightwell.ask(model.name, "summary", { input: "1" });
    const slopes = tensors.get("slope")?.values ?? [];
    return numbers.map((unit) => ({
      name: String(measures.get(`role.${unit}`) ?? ""),
      slope: slopes[unit] ?? NaN,
    }));
  } catch {
    return unknown;
  }
}

/** Whether units have statistics by which they can be found. @param {import("../context.js").Model} model */
function isMeasured(model) {
  return hasProbe(model, "summary") && (countsBits(model) || recurrentLayers(model).some(({ cell }) => cell !== "rnn"));
}

/** Make the select of the lane to save. @param {import("../context.js").Model} model */
function laneSelect(model) {
  const lanes = laneNames(model).map((name) => make("option", { value: name }, laneTitle(name).title));
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
 * @param {import("../context.js").Model} model
 * @param {Answer | null} answer
 * @param {number} step
 */
function stepText(model, answer, step) {
  const inputs = answer?.input.sequence ?? "";
  if (!answer || step < 1 || step > inputs.length) return `Step ${step}`;
  const place = `Step ${step} of ${inputs.length}: ${stepNoun(model)} ${inputs[step - 1]}`;
  const { name, label, probabilities } = predictionAt(answer, step, model.classes);
  if (!countsBits(model)) return `${place}, ${name}: ${formatPercent(probabilities[label])}`;
  const { ones, zeros } = countBits(inputs.slice(0, step));
  return `${place}, ${withNoun(ones, "one")} and ${withNoun(zeros, "zero")} so far, more 1s: ${formatPercent(probabilities[1])}`;
}

/** The prediction, and whether it is correct where that can be counted. @param {import("../context.js").Model} model @param {Answer} answer */
function verdictNodes(model, { input, prediction }) {
  // The sign stays on the line of its number.
  const share = formatPercent(prediction.probabilities[prediction.label]).replace(" ", "\u00a0");
  if (!countsBits(model)) return [make("strong", {}, prediction.name), ` (${share})`];
  const { ones, zeros, more } = countBits(input.sequence);
  const isRight = (prediction.label === 1) === more;
  return [
    make("strong", {}, prediction.label === 1 ? "Yes" : "No"),
    `, says the network (${share}). There ${ones === 1 ? "is" : "are"} ${withNoun(ones, "one")} and ${withNoun(zeros, "zero")}: `,
    isRight ? "that is right." : "that is wrong.",
  ];
}
