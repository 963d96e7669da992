/** Probability bars: one bar for each class, on an axis from 0 to 1. */

import { make } from "/sdk/dom.js";
import { formatNumber, formatPercent } from "/sdk/number-format.js";

/**
 * Fill a container with a bar for each class, and return a function that sets their lengths.
 * @param {Element} container
 * @param {string[]} classes
 */
export function probabilityBars(container, classes) {
  const rows = classes.map((name) => {
    const fill = make("span", { class: "bar-fill" });
    const value = make("span", { class: "bar-value number" });
    const track = make("span", { class: "bar-track" }, fill);
    const row = make("li", { tabIndex: 0 }, make("span", { class: "bar-name" }, name), track, value);
    return { name, row, fill, value };
  });
  const axis = ["0", "0.5", "1"].map((text) => make("span", {}, text));
  container.replaceChildren(
    make("ul", { class: "bars" }, ...rows.map(({ row }) => row)),
    make("div", { class: "bar-axis number", "aria-hidden": "true" }, ...axis),
  );

  /** @param {import("/sdk/client.js").Prediction} prediction */
  function update({ label, probabilities, logits }) {
    rows.forEach(({ name, row, fill, value }, at) => {
      fill.style.width = `${100 * probabilities[at]}%`;
      value.textContent = formatPercent(probabilities[at]);
      row.classList.toggle("winner", at === label);
      row.title = `probability ${formatNumber(probabilities[at], 6)}, logit ${formatNumber(logits[at], 6)}`;
      row.setAttribute("aria-label", `${name}: ${formatPercent(probabilities[at])}, logit ${formatNumber(logits[at], 4)}`);
    });
  }
  return { update };
}
