/** Step attribution: contribution of each step to the answer, by exact decomposition or attribution. */

import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { choicesOf, countsBits, hasProbe, stepNoun } from "../model-facts.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { stateSelect } from "../state-select.js";
import { VectorBars } from "../vector-bars.js";
import { recurrentLayers } from "./recurrent-layers.js";
import { stepsOf } from "./sequence-kind.js";
import { sequenceView } from "./sequence-view.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** Probe and choice of the exact decomposition, which is no method of the probe `attribution`. */
const DECOMPOSITION = "decomposition";

const METHODS = /** @type {const} */ ([
  [DECOMPOSITION, "decomposition by step (exact)"],
  ["flip", "flip one bit"],
  ["replace", "replace one step"],
  ["shapley", "Shapley values (exact)"],
  ["integrated_gradients", "integrated gradients"],
  ["gradient_x_input", "gradient × input"],
]);

const EXPLANATIONS = /** @type {Record<string, string>} */ ({
  flip: "How much the answer falls when one bit is flipped.",
  replace: "How much the answer falls when one step is replaced by the baseline.",
  shapley: "The mean contribution of each step over all orders of adding the steps (the others have the baseline's value), computed over all subsets.",
  integrated_gradients: "The gradient, integrated along the way from the baseline to the sequence.",
  gradient_x_input:
    "The gradient times the input: zeros always get 0, even where they matter, and every step gets nearly 0 where the units are saturated.",
});

/** Terms of the exact decomposition, by the cell of the network's recurrent layer. */
const TERMS = {
  lstm: "the change of tanh(cell state) at each step, times the last output gate and the weights of the readout",
  gru: "the change of the hidden state at each step, times the weights of the readout",
  rnn: "the change of the hidden state at each step, times the weights of the readout",
};

/** Most steps of exact Shapley values, which run the network on every subset of them. */
const MAX_FREE = 16;

/**
 * Fill the panel `bit-reasons`.
 * @param {import("../context.js").Context} context
 */
export function mountStepAttribution(context) {
  const { lightwell, store, model } = context;
  const body = part(context, "bit-reasons-body");
  const noun = stepNoun(model);
  const [{ cell }] = recurrentLayers(model);
  const offered = [...(hasProbe(model, DECOMPOSITION) ? [DECOMPOSITION] : []), ...choicesOf(model, "attribution", "method")];
  const methods = METHODS.filter(([name]) => offered.includes(name));
  const method = stateSelect(store, "bitMethod", "Method", methods);
  /** The chosen method; a link may hold any text. */
  const chosen = () => (methods.find(([name]) => name === store.state.bitMethod) ?? methods[0])[0];
  const steps = () => stepsOf(model, store.state.sequence);
  const explanation = make("p", { class: "explain" });
  const bars = new VectorBars("Contribution of each step", (at) => store.set({ step: at + 1 }));
  const facts = make("p", { class: "number quiet", role: "status" });
  body.replaceChildren(make("div", { class: "row" }, method), explanation, bars.element, facts);

  /** @returns {import("../context.js").View} */
  function describe() {
    const name = chosen();
    const isSum = name === DECOMPOSITION;
    const { length } = steps();
    // Of longer sequences the last steps are free; the earlier ones keep their values.
    const free =
      name === "shapley" && length > MAX_FREE
        ? Array.from({ length: MAX_FREE }, (_, at) => length - MAX_FREE + at + 1)
        : null;
    return isSum ? sequenceView(context, DECOMPOSITION) : sequenceView(context, "attribution", { method: name, free });
  }
  addDownloads(body, describe);

  const send = latestRequest(
    context,
    (/** @type {import("../context.js").View} */ { probe, input, parameters }, signal) =>
      retryWhileCompiling(
        `/${model.name}/${probe}`,
        () => lightwell.ask(model.name, probe, { input, parameters, signal }),
        signal,
        () => (facts.textContent = COMPILING),
      ),
    render,
    (error) => (facts.textContent = error.message),
    body,
  );

  /** @type {number[]} */
  let values = [];

  /** @param {Answer} answer @param {import("../context.js").View} query */
  function render({ tensors, measures, warnings }, { probe, parameters }) {
    const { length } = steps();
    if (probe === DECOMPOSITION) {
      const bySteps = Array.from(/** @type {Tensor} */ (tensors.get("by_step")).values);
      values = bySteps.slice(bySteps.length - length);
      const [bias, start, whole, rounding] = ["bias", "initial_state", "logit", "rounding"].map((name) =>
        Number(measures.get(name)),
      );
      facts.textContent =
        `bias ${formatNumber(bias, 4)} + initial state ${formatNumber(start, 4)} + all steps = ${formatNumber(whole, 5)} ` +
        `(rounding ${formatNumber(rounding, 1)})`;
    } else {
      const found = Array.from(/** @type {Tensor} */ (tensors.get("attribution")).values);
      const free = /** @type {number[] | null} */ (parameters?.free ?? null);
      values = new Array(length).fill(0);
      found.forEach((value, at) => (values[(free ? free[at] : at + 1) - 1] = value));
      const parts = [`sum ${formatNumber(Number(measures.get("sum")), 4)}`];
      if (measures.has("delta")) parts.push(`error of the sum ${formatNumber(Number(measures.get("delta")), 2)}`);
      if (free) parts.push(`only the last ${MAX_FREE} ${noun}s are free, the others are fixed`);
      const doubt = warnings.find(({ code }) => code === "incomplete");
      facts.textContent = [parts.join(" · "), ...(doubt ? [doubt.message] : [])].join(". ");
    }
    show();
  }

  function show() {
    const { step } = store.state;
    const all = steps();
    if (values.length !== all.length) return;
    const names = Array.from(all, (one, at) => (Array.isArray(one) ? `${at + 1}` : `${at + 1} (${noun} ${one})`));
    const ticks = Array.from(all, (one, at) => (Array.isArray(one) ? `${at + 1}` : `${one}\n${at + 1}`));
    bars.show(values, { selected: Math.max(0, step - 1), dtype: "float32", unit: "step", names, ticks });
  }

  const aim = countsBits(model) ? "“more 1s”" : model.classes.length === 2 ? `“${model.classes[1]}”` : "its answer";
  store.on(["sequence", "bitMethod", "sequenceCheckpoint"], () => {
    const sum = `The answer is a sum over the steps: ${TERMS[cell]}. The sum is exact up to rounding.`;
    explanation.textContent = `${chosen() === DECOMPOSITION ? sum : (EXPLANATIONS[chosen()] ?? "")} Blue speaks for ${aim}, red against it.`;
    void send(describe());
  });
  store.on(["step"], show);
}
