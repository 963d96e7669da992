/** Bit reasons: which bits count for the answer, exactly where exactness is possible. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { VectorBars } from "../digits/vector-bars.js";
import { stateSelect } from "../state-select.js";
import { downloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

const WAYS = /** @type {const} */ ([
  ["decomposition", "what each step adds (exact)"],
  ["flip", "flip one bit"],
  ["shapley", "Shapley values (exact)"],
  ["integrated_gradients", "integrated gradients"],
  ["gradient_x_input", "gradient × input"],
]);

const STORIES = /** @type {Record<string, string>} */ ({
  decomposition:
    "The answer is a sum over the steps: how much each step moved the tanh of the cell state, seen through the last output gate and the readout. It adds up to the logits to the last digit.",
  flip: "What the answer loses when one bit is turned into the other.",
  shapley: "What each bit adds on the mean over every order in which the bits could come in (others are 0): all subsets are tried.",
  integrated_gradients: "The gradient added up on the way from all zeros to the sequence.",
  gradient_x_input: "The gradient times the bit: zeros get nothing, whatever they do.",
});

/** Exact Shapley values try every subset of so many bits. */
const MOST_FREE = 16;

/**
 * Fill the panel `bit-reasons`.
 * @param {import("../context.js").Context} context
 */
export function mountBitReasons({ lightwell, store }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("bit-reasons-body"));
  const way = stateSelect(store, "bitMethod", "Method", [...WAYS]);
  const story = make("p", { class: "explain" });
  const bars = new VectorBars("What each step counts for", (at) => store.set({ step: at + 1 }));
  const facts = make("p", { class: "number quiet", role: "status" });
  body.replaceChildren(make("div", { class: "row" }, way), story, bars.element, facts);

  /** @returns {import("../context.js").View} */
  function describe() {
    const { sequence, bitMethod } = store.state;
    const isSum = bitMethod === "decomposition";
    const length = sequence.length;
    // More bits than can be tried in every combination: those of the last steps are, the others stay.
    const free =
      bitMethod === "shapley" && length > MOST_FREE
        ? Array.from({ length: MOST_FREE }, (_, at) => length - MOST_FREE + at + 1)
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

  const ask = latestRequest(
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

  /** @param {Answer} answer @param {import("../context.js").View} asked */
  function render({ tensors, measures }, { probe, parameters }) {
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
      if (measures.has("delta")) parts.push(`missing from the whole ${formatNumber(Number(measures.get("delta")), 2)}`);
      if (free) parts.push(`only the last ${MOST_FREE} bits are free, the others stay`);
      facts.textContent = parts.join(" · ");
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
    story.textContent = `${STORIES[bitMethod] ?? ""} Blue speaks for “more 1s”, red against.`;
    void ask(describe());
  });
  store.on(["step"], show);
}
