/** Patching panel: the effect of each unit's state at each step, taken from the run on a second sequence. */

import { colourMaps } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactDigits, formatNumber, formatPercent } from "../../sdk/number-format.js";
import { Tensor } from "../../sdk/tensor.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { loadStyle } from "../lazy-panels.js";
import { choicesOf, stepNoun } from "../model-facts.js";
import { codePanel } from "../request-code.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { stateSelect } from "../state-select.js";
import { whenSeen } from "../when-seen.js";
import { chosenLayer } from "./recurrent-layers.js";
import { sequenceKind } from "./sequence-kind.js";
import { sequenceView } from "./sequence-view.js";
import { changed, differences, sourceOf } from "./source-sequence.js";
import { StepGrid } from "./step-grid.js";
import { stepTexts } from "./step-texts.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */

/** Most patches of one request, each of which is a run; and longest sequence. */
const [MOST_PATCHES, LONGEST] = [1024, 1024];

/**
 * Fill the panel `patching`.
 * @param {import("../context.js").Context} context
 */
export async function mountPatching(context) {
  const { lightwell, store, model, announce } = context;
  const [tables] = await Promise.all([colourMaps(lightwell), loadStyle(import.meta.resolve("./step-panels.css"))]);
  const body = part(context, "patching-body");
  const kind = sequenceKind(model);
  const noun = stepNoun(model);
  const layers = choicesOf(model, "patching", "layer");
  /** @type {Answer | null} */
  let answer = null;

  const values = choicesOf(model, "patching", "value");
  const value = stateSelect(store, "patched", "Patch the", values.map((name) => [name, `${name} state`]));
  value.hidden = values.length < 2;
  const text = make("input", { type: "text", class: "number", spellcheck: false, autocomplete: "off" });
  const flip = make("button", { type: "button" });
  const complaint = make("p", { class: "quiet complaint", role: "status" });
  const facts = make("p", { class: "explain", role: "status" });
  const reading = make("p", { class: "number quiet", role: "status" });
  const choose = (/** @type {number} */ step, /** @type {number} */ unit) => {
    store.set({ step, unit });
    announce(`Step ${step} and unit ${unit} are followed.`);
  };
  const grids = {
    recovery: new StepGrid("Recovery by each unit at each step", { read: (step, unit) => (reading.textContent = effectText(step, unit)), choose }),
    whole_state: new StepGrid("Recovery by all units at each step", {
      read: (step) => (reading.textContent = `step ${step}, all units: recovery ${exactAt("whole_state", step)}`),
      choose: (step) => store.set({ step }),
    }),
    logit_difference: new StepGrid("Difference of the logits, patched", { read: (step, unit) => (reading.textContent = effectText(step, unit)), choose }),
  };
  const code = make("div");
  body.replaceChildren(
    make("div", { class: "row choices" }, make("label", { class: "typed patch-source" }, "Second sequence ", text), flip, value),
    complaint,
    facts,
    make("div", { class: "step-figures of-input" }, make("div", {}, grids.recovery.element, grids.whole_state.element), grids.logit_difference.element),
    reading,
    make("details", {}, make("summary", {}, "The request as code"), code),
  );

  const source = () => sourceOf(model, store.state);
  const stepsAt = () => kind.read(store.state.sequence).steps;
  text.addEventListener("input", () => {
    const { steps, complaint: message } = kind.read(text.value);
    const { length } = stepsAt();
    const lengths = `The second sequence has ${steps.length} of the first one's ${length} ${noun}s: both need the same length.`;
    complaint.textContent = steps.length === length ? message : lengths;
    if (steps.length === length) store.set({ source: kind.write(steps) });
  });
  text.addEventListener("blur", () => {
    text.value = source();
    complaint.textContent = "";
  });
  flip.addEventListener("click", () => {
    const at = Math.max(1, store.state.step) - 1;
    store.set({ source: kind.write(changed(model, kind.read(source()).steps, at)) });
  });

  /** @returns {import("../context.js").View} */
  function describe() {
    const { patched } = store.state;
    const { name, units, values: own } = chosenLayer(model, store.state);
    const states = values.filter((one) => own.some((each) => each.value === one));
    const parameters = {
      value: states.includes(patched) ? patched : states[0],
      steps: around(stepsAt().length, Math.floor(MOST_PATCHES / units), store.state.step),
      layer: layers.length > 1 ? name : null,
    };
    return sequenceView(context, "patching", parameters, { source: { sequence: kind.field(source()) } });
  }
  const requestCode = codePanel(code, describe);
  addDownloads(body, describe);

  const send = latestRequest(
    context,
    (/** @type {import("../context.js").View} */ { input, parameters, extra }, signal) => {
      const ask = () => lightwell.ask(model.name, "patching", { input, parameters, extra, signal });
      return retryWhileCompiling(`/${model.name}/patching`, ask, signal, () => (facts.textContent = COMPILING));
    },
    (response) => {
      answer = response;
      render(response);
    },
    (error) => (facts.textContent = error.message),
    body,
  );

  const request = whenSeen(body, () => void send(describe()));

  /** @param {Answer} response */
  function render({ tensors, measures }) {
    const texts = stepTexts(model, store.state.sequence);
    const others = stepTexts(model, source());
    for (const [name, grid] of Object.entries(grids)) {
      const tensor = inRange(/** @type {Tensor} */ (tensors.get(name)), tensors);
      const symbols = tensor.labels("step").map((step) => texts[Number(step) - 1] + (texts[Number(step) - 1] === others[Number(step) - 1] ? "" : `→${others[Number(step) - 1]}`));
      grid.show({ tensor, symbols, tables });
    }
    facts.textContent = `${changeText()} ${effectsText(measures)}`;
    reading.textContent = "Point at a cell, or use the arrow keys; a click follows its step and unit.";
    select();
  }

  /** Where both sequences differ. */
  function changeText() {
    const at = differences(stepsAt(), kind.read(source()).steps).map((one) => one + 1);
    if (!at.length) return `Both sequences are equal: change a ${noun} of the second one.`;
    const listed = at.length > 8 ? `${at.slice(0, 8).join(", ")}, …` : at.join(", ");
    return `They differ at step${at.length > 1 ? "s" : ""} ${listed}.`;
  }

  /** @param {Answer["measures"]} measures */
  function effectsText(measures) {
    const [before, after] = ["logit_difference_baseline", "logit_difference_source"].map((name) => formatNumber(Number(measures.get(name)), 4));
    const ends = `The difference of the logits is ${before}, and ${after} for the second sequence.`;
    if (!measures.has("strongest_step")) return ends;
    const [step, unit] = [Number(measures.get("strongest_step")), Number(measures.get("strongest_unit"))];
    return `${ends} The strongest is unit ${unit} at step ${step}: its state alone makes ${formatPercent(valueAt("recovery", step, unit))} of that change.`;
  }

  /** @param {string} name @param {number} step @param {number} [unit] */
  function valueAt(name, step, unit) {
    const tensor = /** @type {Tensor} */ (answer?.tensors.get(name));
    const at = tensor.labels("step").indexOf(step);
    return unit === undefined ? tensor.at(at) : tensor.at(at, tensor.labels("unit").indexOf(unit));
  }

  /** @param {string} name @param {number} step @param {number} [unit] */
  function exactAt(name, step, unit) {
    return exactDigits(valueAt(name, step, unit), "float32").replace("-", "−");
  }

  /** @param {number} step @param {number} unit */
  function effectText(step, unit) {
    return `step ${step}, unit ${unit}: recovery ${exactAt("recovery", step, unit)}, difference of the logits ${exactAt("logit_difference", step, unit)}`;
  }

  function select() {
    const { step, unit } = store.state;
    for (const grid of Object.values(grids)) grid.select({ step, unit });
  }

  function update() {
    const { length } = stepsAt();
    const { step } = store.state;
    const lastStep = Math.max(1, step);
    flip.textContent = `Change ${noun} ${lastStep}`;
    if (document.activeElement !== text) text.value = source();
    requestCode.update();
    if (length > LONGEST) facts.textContent = `Patching takes sequences of up to ${LONGEST} steps, and this one has ${length}.`;
    else request();
  }

  store.on(["sequence", "source", "patched", "recurrent", "sequenceCheckpoint"], update);
  store.on(["step", "unit"], () => {
    flip.textContent = `Change ${noun} ${Math.max(1, store.state.step)}`;
    // Of a long sequence the steps around the followed one are patched.
    if (answer && !answer.tensors.get("recovery")?.labels("step").includes(Math.max(1, store.state.step))) update();
    else select();
  });
}

/**
 * Tensor with a colour range: the recovery by all units has none of its own, and gets that of one unit.
 * @param {Tensor} tensor
 * @param {Map<string, Tensor>} tensors
 */
function inRange(tensor, tensors) {
  const colour = tensor.colour ?? tensors.get("recovery")?.colour ?? null;
  return new Tensor({ ...tensor.description, colour }, tensor.values);
}

/**
 * Steps to patch: all where they are few, else those around one.
 * @param {number} length
 * @param {number} most
 * @param {number} step
 * @returns {number[] | null} Null for all.
 */
function around(length, most, step) {
  if (length <= most) return null;
  const first = Math.min(Math.max(1, step - Math.floor(most / 2)), length - most + 1);
  return Array.from({ length: most }, (_, at) => first + at);
}
