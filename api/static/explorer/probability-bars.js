/** Probability bars: one bar for each class, on an axis from 0 to 1. */

import { make } from "../sdk/dom.js";
import { formatNumber, formatPercent } from "../sdk/number-format.js";

/**
 * Fill a container with a bar for each class, and return a function that sets their lengths.
 * @param {Element} container
 * @param {string[]} classes
 * @param {string} [calibration] Description of calibrated probabilities; without it they are not shown.
 */
export function probabilityBars(container, classes, calibration) {
  const rows = classes.map((name) => {
    const fill = make("span", { class: "bar-fill" });
    const value = make("span", { class: "bar-value number" });
    const track = make("span", { class: "bar-track" }, fill);
    const calibratedValue = make("span", { class: "bar-calibrated number" });
    const row = make("li", { tabIndex: 0 }, make("span", { class: "bar-name", title: name }, name), track, value, calibratedValue);
    return { name, row, fill, value, calibratedValue };
  });
  const axis = ["0", "0.5", "1"].map((text) => make("span", {}, text));
  const heading = make(
    "div",
    { class: "bar-heading", "aria-hidden": "true" },
    make("span", { title: "Softmax of the logits" }, "softmax"),
    make("span", { class: "bar-calibrated", title: calibration ?? "" }, "calibrated"),
  );
  const longest = Math.max(...classes.map((name) => name.length));
  container.classList.toggle("has-words", longest > 3);
  container.classList.toggle("has-calibrated", calibration !== undefined); // as most answers have them
  /** @type {HTMLElement} */ (container).style.setProperty("--bar-name", `max(1.2rem, min(calc(${longest > 3 ? 1.3 * longest : longest}ch + .2rem), 8rem))`);
  container.replaceChildren(
    heading,
    make("ul", { class: "bars" }, ...rows.map(({ row }) => row)),
    make("div", { class: "bar-axis number", "aria-hidden": "true" }, ...axis),
  );

  /** @param {import("../sdk/client.js").Prediction} prediction */
  function update({ label, probabilities, logits, calibrated }) {
    const shown = calibration ? calibrated : undefined;
    container.classList.toggle("has-calibrated", shown !== undefined);
    rows.forEach(({ name, row, fill, value, calibratedValue }, at) => {
      const added = shown ? `, calibrated ${formatPercent(shown[at])}` : "";
      calibratedValue.textContent = shown ? formatPercent(shown[at]) : "";
      fill.style.width = `${100 * probabilities[at]}%`;
      value.textContent = formatPercent(probabilities[at]);
      row.classList.toggle("winner", at === label);
      row.title = `probability ${formatNumber(probabilities[at], 6)}, logit ${formatNumber(logits[at], 6)}`;
      row.setAttribute("aria-label", `${name}: ${formatPercent(probabilities[at])}${added}, logit ${formatNumber(logits[at], 4)}`);
    });
  }
  return { update };
}
