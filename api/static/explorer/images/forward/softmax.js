/** Softmax: exponentials of the logits, divided by their sum; of a single logit, its sigmoid. */

import { make } from "../../../sdk/dom.js";
import { formatNumber, formatPercent } from "../../../sdk/number-format.js";
import { exactNumber } from "../../exact-number.js";
import { VectorBars } from "../../vector-bars.js";
import { digits, filled } from "./computation.js";
import { exactSum } from "./exact-sum.js";

/**
 * @param {import("./computation.js").Material} material
 * @param {number} offset Position of the first class.
 * @returns {import("./computation.js").Computation}
 */
export function softmax({ model, made, prediction, go }, offset) {
  const { classes } = model;
  const logits = Array.from(made.values);
  const isSigmoid = logits.length === 1;
  const most = Math.max(...logits);
  const powers = isSigmoid ? [] : logits.map((logit) => Math.exp(logit - most));
  const total = exactSum(powers);
  const chosen = (/** @type {number} */ at) => go(offset + at);
  const [input, output] = [new VectorBars("Logits", chosen), new VectorBars("Probabilities", chosen)];
  const words = make("div", { class: "arithmetic-sum" });
  const value = make("div");
  const figure = (/** @type {string} */ name, /** @type {VectorBars} */ bars) => make("figure", {}, make("h4", {}, name), bars.element);
  const element = make("div", { class: "forward-frame of-vectors", hidden: true }, figure("logits", input), make("div", { class: "forward-sum" }, words, value), figure("probabilities", output));

  /** Lines of the equation of one class. @param {number} at */
  function equation(at) {
    const exact = (/** @type {number} */ number, digits = 5) => exactNumber(number, "float64", formatNumber(number, digits));
    const share = prediction.probabilities[at];
    if (isSigmoid) return [make("span", {}, `1 / (1 + exp(${at ? "−" : ""}z)), z = `, exactNumber(logits[0], "float32", digits(logits[0])), ", is ", exact(share))];
    return [
      make("span", {}, "exp(", exactNumber(logits[at], "float32", digits(logits[at])), " − ", exactNumber(most, "float32", digits(most)), ") = ", exact(powers[at])),
      make("span", {}, `the sum over ${classes.length} classes is `, exact(total)),
      make("span", {}, exact(powers[at]), " / ", exact(total), " = ", exact(powers[at] / total)),
    ];
  }

  return {
    title: isSigmoid ? "sigmoid" : "softmax",
    says: isSigmoid ? "The sigmoid of the logit is the probability of the second class." : "Softmax then divides the exponential of each by the sum of all: these are the probabilities.",
    element,
    count: classes.length,
    columns: 1,
    show(at) {
      input.show(logits, { selected: isSigmoid ? 0 : at, dtype: "float32", unit: "class", names: isSigmoid ? [classes[1]] : classes });
      output.show(filled(prediction.probabilities, at), { selected: at, dtype: "float64", unit: "class", names: classes, ends: [0, 1] });
      words.replaceChildren(...equation(at));
      const share = prediction.probabilities[at];
      value.replaceChildren(make("p", { class: "forward-result" }, `probability of ${classes[at]}: `, exactNumber(share, "float64", formatPercent(share))));
    },
    describe: (at) => `Class ${classes[at]}: the probability is ${formatPercent(prediction.probabilities[at])}.`,
  };
}
