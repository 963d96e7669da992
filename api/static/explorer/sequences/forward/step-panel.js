/** Step panel: the equations of an LSTM's step one after another: its gates, the new states and the answer, in numbers. */

import { make } from "../../../sdk/dom.js";
import { exactDigits, formatNumber, formatPercent } from "../../../sdk/number-format.js";
import { weightsFor } from "../../checkpoints.js";
import { exactNumber } from "../../exact-number.js";
import { latestRequest } from "../../latest-request.js";
import { alphabetOf } from "../../model-facts.js";
import { moveByKeys, playback } from "../../playback.js";
import { sumOf } from "../../sum-line.js";
import { VectorBars } from "../../vector-bars.js";
import { cellEquation, hiddenEquation, predictionAt, unitIn, valuesOf } from "../cell-arithmetic.js";
import { chosenLayer } from "../recurrent-layers.js";

/** @typedef {import("../../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../../sdk/tensor.js").Tensor} Tensor */

/** @typedef {{ update: () => void, focus: () => void, pause: () => void }} StepPanel `update` draws a new answer. */

/** Parts of a step, in the order of computation. */
export const PARTS = [
  { name: "forget_gate", symbol: "f", title: "Forget gate", says: "how much of the old cell state is kept" },
  { name: "input_gate", symbol: "i", title: "Input gate", says: "how much of the candidate is written" },
  { name: "candidate", symbol: "g", title: "Candidate", says: "what could be written" },
  { name: "cell", symbol: "c", title: "Cell state", says: "what is kept of the old one, and what is written" },
  { name: "output_gate", symbol: "o", title: "Output gate", says: "how much of the cell state is read out" },
  { name: "hidden", symbol: "h", title: "Hidden state", says: "what the next step and the readout read" },
  { name: "logits", symbol: "y", title: "Answer so far", says: "the readout of the hidden states of all units" },
];

const SPEEDS = [1, 2, 4];

/**
 * Fill a place with the parts of a step.
 * @param {import("../../context.js").Context} context
 * @param {HTMLElement} body
 * @param {() => Answer | null} current Answer on display.
 * @param {() => void} leave Closes it.
 * @returns {StepPanel}
 */
export function mountStepPanel(context, body, current, leave) {
  const { lightwell, store, model } = context;
  /** @type {Answer | null} */
  let learned = null;
  const steps = () => current()?.input.sequence.length ?? 1;
  const position = () => Math.max(store.state.step - 1, 0) * PARTS.length + Math.min(Math.max(store.state.part, 0), PARTS.length - 1);
  const controls = playback(context, {
    noun: "part",
    end: () => steps() * PARTS.length - 1,
    at: position,
    move: (at) => store.set({ step: Math.floor(at / PARTS.length) + 1, part: at % PARTS.length }),
    describe: (at) => describe(at % PARTS.length),
    write: () => `step ${Math.max(store.state.step, 1)} of ${steps()}, part ${(position() % PARTS.length) + 1} of ${PARTS.length}`,
    speeds: SPEEDS,
    speed: SPEEDS[0],
    isStill: matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
  const list = make("ol", { class: "step-parts" });
  const frame = make("div", { class: "step-part" });
  const bars = new VectorBars("Terms of the hidden states of all units", (at) => ((chosen = at), update()));
  const terms = make("div", {}, make("h4", {}, "What each unit’s hidden state adds"), bars.element);
  let chosen = 0;
  body.replaceChildren(controls.element, list, frame, terms);

  const load = latestRequest(
    context,
    (/** @type {{ checkpoint: string | null }} */ parameters, signal) => lightwell.ask(model.name, "weights", { parameters, signal }),
    (answer) => {
      learned = answer;
      update();
    },
    (error) => frame.replaceChildren(make("p", { class: "warning" }, error.message)),
  );

  /** Values of the step on display; null until an answer and the weights that computed it are there. */
  function shown() {
    const answer = current();
    const step = Math.max(store.state.step, 1);
    if (!answer || step > answer.input.sequence.length || answer.weights !== learned?.weights) return null;
    const layer = chosenLayer(model, store.state);
    const unit = unitIn(layer, store.state.unit);
    return { answer, step, unit, layer, values: valuesOf(answer, layer, step, unit) };
  }

  /** @param {number} part */
  function describe(part) {
    const found = shown();
    if (!found) return "";
    const { answer, step, unit, values } = found;
    const { name, title } = PARTS[part];
    if (name === "logits") {
      const { label, probabilities } = predictionAt(answer, step, model.classes);
      return `Step ${step}, ${title}: ${model.classes[label]}, ${formatPercent(probabilities[label])}.`;
    }
    return `Step ${step}, unit ${unit}, ${title}: ${formatNumber(valueOf(values, name), 4)}.`;
  }

  function update() {
    controls.show();
    const found = shown();
    if (!found) return;
    const { answer, step, unit, layer, values } = found;
    const part = position() % PARTS.length;
    const { name } = PARTS[part];
    list.replaceChildren(...PARTS.map((one, at) => row(one, at, part, one.name === "logits" ? null : valueOf(values, one.name))));
    const hidden = (/** @type {number} */ at) => Array.from({ length: layer.units }, (_, one) => answer.tensors.get(layer.tensor("hidden"))?.at(at, one) ?? NaN);
    if (name === "cell") frame.replaceChildren(...cellEquation(values));
    else if (name === "hidden") frame.replaceChildren(...hiddenEquation(values));
    else if (name === "logits") frame.replaceChildren(...readout(answer, step, hidden(step)));
    else frame.replaceChildren(...gate(part, unit, answer.input.sequence[step - 1], hidden(step - 1), valueOf(values, name)));
    terms.hidden = name === "cell" || name === "hidden" || name === "logits";
  }

  /**
   * A part in the list: its value once it is computed.
   * @param {typeof PARTS[number]} one @param {number} at @param {number} part @param {number | null} value
   */
  function row({ symbol, title, says }, at, part, value) {
    const jump = make("button", { type: "button", class: "step-jump", title: says }, make("i", {}, symbol), ` ${title}`);
    jump.addEventListener("click", () => controls.go(position() - (position() % PARTS.length) + at));
    if (at === part) jump.setAttribute("aria-current", "step");
    const number = at > part ? "" : value === null ? "" : exactNumber(value, "float32", formatNumber(value, 4));
    return make("li", {}, jump, number);
  }

  /**
   * Weighted sum of a gate, and the gate itself.
   * @param {number} part @param {number} unit @param {string | number | number[]} input @param {number[]} before @param {number} value
   */
  function gate(part, unit, input, before, value) {
    const { name, symbol, title } = PARTS[part];
    const layer = chosenLayer(model, store.state).name;
    const weight = (/** @type {string} */ one) => learnedTensor(`${layer}.${one}`);
    const byGate = weight("dense_i.kernel");
    const line = byGate.labels("gate").indexOf(name);
    const [read, bias] = [byGate.at(line, unit) * indexOf(input), weight("dense_h.bias").at(line, unit)];
    const kernel = weight(`dense_h.kernel.${name}`);
    const products = Float64Array.from(before, (one, at) => one * kernel.at(at, unit));
    const recurrent = products.reduce((sum, one) => sum + one, 0);
    const total = read + recurrent + bias;
    bars.show(products, { selected: Math.min(chosen, products.length - 1), dtype: "float64", unit: "unit" });
    const isCandidate = name === "candidate";
    return [
      make("p", { class: "quiet" }, make("i", {}, symbol), ` = ${isCandidate ? "tanh" : "σ"}(w · x + Σ u · h₋₁ + b)`),
      make("div", { class: "arithmetic-sum" }, ...sumOf([{ value: read, label: `w · ${indexOf(input)}` }, { value: recurrent, label: "Σ u · h₋₁" }, { value: bias, label: "bias", dtype: "float32" }], total)),
      make("p", { class: "step-value" }, `${title}: ${isCandidate ? "tanh" : "σ"} of it is `, exactNumber(value, "float32", exactDigits(value, "float32").replace("-", "−"))),
    ];
  }

  /** @param {string} name */
  function learnedTensor(name) {
    return /** @type {Tensor} */ (learned?.tensors.get(name));
  }

  /** Index of a symbol, as the network reads it. @param {string | number | number[]} input */
  function indexOf(input) {
    return alphabetOf(model).indexOf(String(input));
  }

  /** @param {Answer} answer @param {number} step @param {number[]} hidden */
  function readout(answer, step, hidden) {
    const { layer } = /** @type {import("../../context.js").Layer} */ (model.layers.find(({ kind }) => kind === "logits"));
    const [kernel, bias] = ["kernel", "bias"].map((name) => learnedTensor(`${layer}.${name}`));
    const { probabilities, logits } = predictionAt(answer, step, model.classes);
    return logits.flatMap((logit, label) => {
      const sum = hidden.reduce((total, one, unit) => total + one * kernel.at(label, unit), 0);
      return [
        make("p", { class: "quiet" }, `${model.classes[label]}: `, exactNumber(logit, "float32"), ", ", formatPercent(probabilities[label])),
        make("div", { class: "arithmetic-sum" }, ...sumOf([{ value: sum, label: "Σ w · h" }, { value: bias.at(label), label: "bias", dtype: "float32" }], sum + bias.at(label))),
      ];
    });
  }

  moveByKeys(body, { ...controls, at: position, columns: () => PARTS.length, leave });
  store.on(["step", "part", "unit", "recurrent"], update);
  store.on(["sequence"], controls.pause);
  store.on(["sequenceCheckpoint"], () => void load(weightsFor(model, store.state, "weights")));
  return { update, pause: controls.pause, focus: () => /** @type {HTMLElement | null} */ (body.querySelector(".play, .step-slider"))?.focus() };
}

/** @param {import("../cell-arithmetic.js").StepValues} values @param {string} name */
function valueOf({ gates, cell, hidden }, name) {
  return name === "cell" ? cell : name === "hidden" ? hidden : gates[name];
}
