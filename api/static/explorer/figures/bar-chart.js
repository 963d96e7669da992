/** Bar chart: a labelled bar for each value of a vector. */

import { make } from "../../sdk/dom.js";
import { exactDigits, formatNumber } from "../../sdk/number-format.js";
import { endsOf, VectorBars } from "../vector-bars.js";

/** Most bars with a row each; more of them stand side by side. */
const MOST_ROWS = 24;
/** Width of a character of a name. */
const NAME_REM = 0.5;

/**
 * Draw a bar chart.
 * @param {string} title
 * @param {import("../../sdk/tensor.js").Tensor} tensor A vector.
 * @param {[number, number] | null} limits Range of the bars; that of zero and the values where null.
 * @param {number | null} highlight Index of the highlighted bar.
 * @returns {HTMLElement}
 */
export function barChart(title, tensor, limits, highlight) {
  const [axis] = tensor.axes;
  const names = tensor.labels(axis).map(String);
  const ends = limits ?? endsOf(tensor.values);
  if (names.length > MOST_ROWS) return sideBySide(title, tensor, names, ends);
  const share = (/** @type {number} */ value) => (100 * (Math.min(Math.max(value, ends[0]), ends[1]) - ends[0])) / (ends[1] - ends[0] || 1);
  const zero = share(Math.min(Math.max(0, ends[0]), ends[1]));
  const rows = names.map((name, at) => {
    const value = tensor.values[at];
    const fill = make("span", { class: value < 0 ? "fill negative" : "fill" });
    fill.style.left = `${Math.min(zero, share(value))}%`;
    fill.style.width = `${Math.abs(share(value) - zero)}%`;
    const row = make("li", { class: at === highlight ? "winner" : "" },
      make("span", { class: "bar-name", title: name }, name),
      make("span", { class: "bar-span", "aria-hidden": "true" }, fill),
      make("span", { class: "bar-value number" }, formatNumber(value)),
    );
    row.title = `${axis} ${name}: ${exactDigits(value, tensor.dtype)}`;
    return row;
  });
  const scale = make("div", { class: "bar-scale number", "aria-hidden": "true" }, ...ends.map((end) => make("span", {}, formatNumber(end, 3))));
  const chart = make("div", { class: "bar-chart" }, make("ul", { "aria-label": title }, ...rows), scale);
  // Each row is a grid of its own, so that the longest name has to be known.
  chart.style.setProperty("--names", `${NAME_REM * Math.max(...names.map(({ length }) => length))}rem`);
  return chart;
}

/** @param {string} title @param {import("../../sdk/tensor.js").Tensor} tensor @param {string[]} names @param {[number, number]} ends */
function sideBySide(title, tensor, names, ends) {
  let selected = 0;
  const show = () => bars.show(tensor.values, { selected, dtype: tensor.dtype, unit: tensor.axes[0], names, ends });
  const bars = new VectorBars(title, (at) => {
    selected = at;
    show();
  });
  show();
  return bars.element;
}
