/** Memory panel: the state after a step as a sum over all steps before it, each kept in part by the later gates. */

import { colourMaps } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactDigits, formatNumber, formatPercent } from "../../sdk/number-format.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { barChart } from "../figures/bar-chart.js";
import { latestRequest } from "../latest-request.js";
import { loadStyle } from "../lazy-panels.js";
import { choicesOf, stepNoun } from "../model-facts.js";
import { codePanel } from "../request-code.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { VectorBars } from "../vector-bars.js";
import { whenSeen } from "../when-seen.js";
import { chosenLayer, recurrentLayers } from "./recurrent-layers.js";
import { sequenceKind } from "./sequence-kind.js";
import { sequenceView } from "./sequence-view.js";
import { StepGrid } from "./step-grid.js";
import { stepTexts } from "./step-texts.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("./recurrent-layers.js").RecurrentLayer} RecurrentLayer */

/** @typedef {import("../context.js").View & { layer: RecurrentLayer, sequence: string }} Asked Request, with its layer and sequence. */

/** What a step writes, and what keeps it, by the kind of cell. */
const WORDS = /** @type {Record<string, { written: string, keeping: string }>} */ ({
  lstm: { written: "input gate times candidate", keeping: "forget gates" },
  gru: { written: "(1 − update gate) times candidate", keeping: "update gates" },
});

/**
 * Fill the panel `memory`.
 * @param {import("../context.js").Context} context
 */
export async function mountMemory(context) {
  const { lightwell, store, model } = context;
  const [tables] = await Promise.all([colourMaps(lightwell), loadStyle(import.meta.resolve("./step-panels.css"))]);
  const body = part(context, "memory-body");
  const kind = sequenceKind(model);
  const gated = choicesOf(model, "memory", "layer");
  /** Newest answer, with its request: layer and sequence of the page may be others. @type {{ answer: Answer, layer: RecurrentLayer, sequence: string } | null} */
  let shown = null;
  /** Step of that answer, and step whose part is written. */
  let [shownStep, pointedStep] = [0, 0];

  const slider = make("input", { type: "range", class: "step-slider", min: "1", "aria-label": "Step after which the state is shown" });
  slider.addEventListener("input", () => store.set({ step: Number(slider.value) }));
  const at = make("output", { class: "number step-text" });
  const explanation = make("p", { class: "explain" });
  const reading = make("p", { class: "number quiet", role: "status" });
  const read = (/** @type {string} */ name) => (/** @type {number} */ step, /** @type {number} */ unit) => (reading.textContent = valueText(name, step, unit));
  const choose = (/** @type {number} */ _, /** @type {number} */ unit) => store.set({ unit });
  const contributions = new StepGrid("What is left of what each step wrote", { read: read("contributions"), choose });
  const kept = new StepGrid("Share that is kept of what each step wrote", { read: read("kept"), choose });
  const title = make("h4");
  const bars = new VectorBars("Parts of the followed unit's state by step", (index) => {
    pointedStep = index;
    showUnit();
  });
  const total = make("p", { class: "number quiet" });
  const states = make("div");
  const code = make("div");
  body.replaceChildren(
    make("div", { class: "row choices" }, make("label", { class: "choice memory-step" }, "After step", slider, at)),
    explanation,
    make("div", { class: "step-figures of-input" }, contributions.element, kept.element, make("figure", { class: "figure" }, title, bars.element, total), make("figure", { class: "figure" }, states)),
    reading,
    make("details", {}, make("summary", {}, "The request as code"), code),
  );
  const layer = () => {
    const one = chosenLayer(model, store.state);
    return gated.length && !gated.includes(one.name) ? (recurrentLayers(model).find(({ name }) => name === gated.at(-1)) ?? one) : one;
  };
  const step = () => Math.max(1, store.state.step);
  /** @returns {import("../context.js").View} */
  function describe() {
    const inStack = gated.length > 1 ? { layer: layer().name } : {};
    return sequenceView(context, "memory", { step: step(), ...inStack, cmap: store.state.palette });
  }
  const requestCode = codePanel(code, describe);
  addDownloads(body, describe);

  const send = latestRequest(
    context,
    (/** @type {Asked} */ { input, parameters }, signal) => {
      const ask = () => lightwell.ask(model.name, "memory", { input, parameters, signal });
      return retryWhileCompiling(`/${model.name}/memory`, ask, signal, () => (reading.textContent = COMPILING));
    },
    (answer, { layer, sequence }) => {
      shown = { answer, layer, sequence };
      shownStep = Number(answer.measures.get("step"));
      pointedStep = shownStep;
      reading.textContent = "Point at a cell, or use the arrow keys; a click follows the unit.";
      render();
    },
    (error) => (reading.textContent = error.message),
    body,
  );

  const request = whenSeen(body, () => void send({ ...describe(), layer: layer(), sequence: store.state.sequence }));

  function render() {
    if (!shown) return;
    const { answer, layer: one, sequence } = shown;
    const { tensors } = answer;
    const symbols = ["", ...stepTexts(model, sequence)].slice(0, shownStep + 1);
    for (const [grid, name] of /** @type {const} */ ([[contributions, "contributions"], [kept, "kept"]])) {
      grid.show({ tensor: /** @type {Tensor} */ (tensors.get(name)), symbols, tables });
    }
    const state = /** @type {Tensor} */ (tensors.get(one.tensor(stateOf(one))));
    const words = `${stateOf(one)} state of each unit after step ${shownStep}`;
    states.replaceChildren(make("h4", {}, `${words[0].toUpperCase()}${words.slice(1)}`), barChart(words, state, null, store.state.unit));
    showUnit();
  }

  /** Show the parts of the followed unit's state, and their sum. */
  function showUnit() {
    if (!shown) return;
    const { answer, layer: one, sequence } = shown;
    const { unit } = store.state;
    for (const grid of [contributions, kept]) grid.select({ step: NaN, unit });
    const parts = /** @type {Tensor} */ (answer.tensors.get("contributions"));
    const own = Math.min(unit, parts.shape[1] - 1);
    const values = Array.from({ length: parts.shape[0] }, (_, index) => parts.at(index, own));
    const texts = stepTexts(model, sequence);
    const names = values.map((_, index) => (index ? `${index} (${stepNoun(model)} ${texts[index - 1]})` : "0 (initial state)"));
    title.textContent = `Unit ${own}: its ${stateOf(one)} state as a sum over the steps`;
    bars.show(values, { selected: Math.min(pointedStep, values.length - 1), dtype: parts.dtype, unit: "step", names, ticks: values.map((_, index) => String(index)) });
    const state = /** @type {Tensor} */ (answer.tensors.get(one.tensor(stateOf(one)))).at(own);
    const sum = values.reduce((all, value) => all + value, 0);
    total.textContent = `Sum of all steps ${formatNumber(sum, 6)} = ${stateOf(one)} state ${formatNumber(state, 6)}`;
  }

  /** @param {string} name @param {number} stepAt @param {number} unit */
  function valueText(name, stepAt, unit) {
    if (!shown) return "";
    const { tensors } = shown.answer;
    const value = (/** @type {string} */ one) => {
      const tensor = /** @type {Tensor} */ (tensors.get(one));
      return { value: tensor.at(stepAt, tensor.labels("unit").indexOf(unit)), dtype: tensor.dtype };
    };
    const { value: found, dtype } = value(name);
    const place = stepAt ? `step ${stepAt}, unit ${unit}` : `initial state, unit ${unit}`;
    const exact = exactDigits(found, dtype).replace("-", "−");
    return name === "kept" ? `${place}: ${exact} is kept (${formatPercent(found)})` : `${place}: ${exact} is left of what it wrote`;
  }

  store.on(["sequence", "step", "recurrent", "palette", "sequenceCheckpoint"], ({ sequence }) => {
    const { length } = kind.read(sequence).steps;
    slider.max = String(length);
    slider.value = String(step());
    at.textContent = `${step()} of ${length}`;
    const { written, keeping } = WORDS[layer().cell] ?? WORDS.lstm;
    explanation.textContent =
      `After step ${step()} the ${stateOf(layer())} state is a sum: what each step wrote (${written}), times the ${keeping} of all later steps. ` +
      "A unit that keeps all of it has a row of ones: it remembers the first step as well as the last.";
    requestCode.update();
    request();
  });
  store.on(["unit"], render);
}

/** State of a layer that is a sum over the steps. @param {RecurrentLayer} layer */
function stateOf({ cell }) {
  return cell === "lstm" ? "cell" : "hidden";
}
