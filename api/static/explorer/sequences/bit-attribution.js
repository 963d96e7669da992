/** Bit attribution: contribution of each step to the answer, by exact decomposition or attribution. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { downloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { stateSelect } from "../state-select.js";
import { VectorBars } from "../vector-bars.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

const METHODS = /** @type {const} */ ([
  ["decomposition", "decomposition by step (exact)"],
  ["flip", "flip one bit"],
  ["shapley", "Shapley values (exact)"],
  ["integrated_gradients", "integrated gradients"],
  ["gradient_x_input", "gradient × input"],
]);

const EXPLANATIONS = /** @type {Record<string, string>} */ ({
  decomposition:
    "The answer is a sum over the steps: the change of tanh(cell state) at each step, times the last output gate and the weights of the readout. The sum is exact up to rounding.",
  flip: "How much the answer falls when one bit is flipped.",
  shapley: "The mean contribution of each bit over all orders of adding the bits (the others are 0), computed over all subsets.",
  integrated_gradients: "The gradient, integrated along the way from all zeros to the sequence.",
  gradient_x_input:
    "The gradient times the bit: zeros always get 0, even where they matter, and every bit gets nearly 0 where the units that count are saturated.",
});

/** Most bits of exact Shapley values, which run the network on every subset of them. */
const MAX_FREE = 16;

/**
 * Fill the panel `bit-reasons`.
 * @param {import("../context.js").Context} context
 */
export function mountBitAttribution({ lightwell, store }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("bit-reasons-body"));
  const method = stateSelect(store, "bitMethod", "Method", [...METHODS]);
  const explanation = make("p", { class: "explain" });
  const bars = new VectorBars("Contribution of each step", (at) => store.set({ step: at + 1 }));
  const facts = make("p", { class: "number quiet", role: "status" });
  body.replaceChildren(make("div", { class: "row" }, method), explanation, bars.element, facts);

  /** @returns {import("../context.js").View} */
  function describe() {
    const { sequence, bitMethod } = store.state;
    const isSum = bitMethod === "decomposition";
    const length = sequence.length;
    // Of longer sequences the last bits are free; the earlier ones keep their values.
    const free =
      bitMethod === "shapley" && length > MAX_FREE
        ? Array.from({ length: MAX_FREE }, (_, at) => length - MAX_FREE + at + 1)
        : null;
    return {
      name: `lstm-${isSum ? "decomposition" : "attribution"}`,
      model: "lstm",
      probe: isSum ? "decomposition" : "attribution",
      input: sequence,
      written: { sequence },
      parameters: isSum ? {} : { method: bitMethod, free },
    };
  }
  body.closest(".panel")?.querySelector("header")?.append(downloads(describe));

  const send = latestRequest(
    (/** @type {import("../context.js").View} */ { probe, input, parameters }, signal) =>
      retryWhileCompiling(
        () => lightwell.ask("lstm", probe, { input, parameters, signal }),
        signal,
        () => (facts.textContent = COMPILING),
      ),
    render,
    (error) => (facts.textContent = error.message),
  );

  /** @type {number[]} */
  let values = [];

  /** @param {Answer} answer @param {import("../context.js").View} query */
  function render({ tensors, measures, warnings }, { probe, parameters }) {
    const { length } = store.state.sequence;
    if (probe === "decomposition") {
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
      if (free) parts.push(`only the last ${MAX_FREE} bits are free, the others are fixed`);
      const doubt = warnings.find(({ code }) => code === "incomplete");
      facts.textContent = [parts.join(" · "), ...(doubt ? [doubt.message] : [])].join(". ");
    }
    show();
  }

  function show() {
    const { sequence, step } = store.state;
    if (values.length !== sequence.length) return;
    const names = Array.from(sequence, (bit, at) => `${at + 1} (bit ${bit})`);
    bars.show(values, { selected: Math.max(0, step - 1), dtype: "float32", unit: "step", names });
  }

  store.on(["sequence", "bitMethod"], ({ bitMethod }) => {
    explanation.textContent = `${EXPLANATIONS[bitMethod] ?? ""} Blue speaks for “more 1s”, red against it.`;
    void send(describe());
  });
  store.on(["step"], show);
}
