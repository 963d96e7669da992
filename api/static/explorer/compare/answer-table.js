/** Answer table: the probability of each class in two answers, and the difference. */

import { make } from "../../sdk/dom.js";
import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import { exactNumber } from "../exact-number.js";

/** @typedef {import("../../sdk/client.js").Prediction} Prediction */
/** @typedef {{ prediction: Prediction, classes: string[] }} Side */

export class AnswerTable {
  #rows = make("tbody");

  constructor() {
    const head = ["", "A", "B", "B − A"].map((text) => make("th", { scope: "col" }, text));
    const caption = make("caption", { class: "quiet" }, "Probability of each class; the difference in percentage points.");
    this.element = make("table", { class: "answer-table" }, caption, make("thead", {}, make("tr", {}, ...head)), this.#rows);
  }

  /**
   * Show two answers; a class that one of the networks lacks has no difference.
   * @param {Side} first
   * @param {Side} second
   */
  show(first, second) {
    const sides = [first, second];
    const names = [...new Set(sides.flatMap(({ classes }) => classes))];
    this.#rows.replaceChildren(...names.map((name) => rowOf(name, sides)));
  }
}

/** @param {string} name Of a class. @param {Side[]} sides */
function rowOf(name, sides) {
  const places = sides.map(({ classes }) => classes.indexOf(name));
  const [one, other] = sides.map(({ prediction }, at) => prediction.probabilities[places[at]]);
  const cells = sides.map(({ prediction }, at) => probability(prediction, places[at]));
  const row = make("tr", {}, make("th", { scope: "row" }, name), ...cells, differenceCell(other - one));
  row.dataset.name = name;
  return row;
}

/** @param {Prediction} prediction @param {number} at Index of the class; -1 where there is none. */
function probability({ probabilities, logits, label }, at) {
  if (at < 0) return make("td", { class: "quiet" }, "–");
  const value = probabilities[at];
  const fill = make("span", { class: "bar-fill" });
  fill.style.width = `${100 * value}%`;
  const number = exactNumber(value, "float64", formatPercent(value));
  number.title = `probability ${number.value}, logit ${formatNumber(logits[at], 6)}`;
  const cell = make("td", { class: at === label ? "winner" : "" }, make("span", { class: "bar-track" }, fill), number);
  return cell;
}

/** @param {number} value Difference of two probabilities; NaN where there is none. */
function differenceCell(value) {
  if (Number.isNaN(value)) return make("td", { class: "quiet" }, "–");
  const fill = make("span", { class: value < 0 ? "fill negative" : "fill positive" });
  fill.style.width = `${50 * Math.abs(value)}%`;
  fill.style.left = `${50 + 50 * Math.min(value, 0)}%`;
  return make("td", {}, make("span", { class: "balance" }, fill), exactNumber(value, "float64", pointsText(value)));
}

/** Percentage points with a sign. @param {number} value */
function pointsText(value) {
  if (value === 0) return "0.0";
  if (Math.abs(value) < 0.0005) return value < 0 ? "> −0.1" : "< 0.1";
  return `${value < 0 ? "−" : "+"}${(100 * Math.abs(value)).toFixed(1)}`;
}
