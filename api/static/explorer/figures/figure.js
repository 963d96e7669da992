/** Figure: the picture of an answer, drawn by the page from the answer's layout (`include=figure`) and its tensors. */

import { make } from "../../sdk/dom.js";
import "../../sdk/tensor-heatmap.js";
import { LineChart } from "../line-chart.js";
import { barChart } from "./bar-chart.js";
import { matrix } from "./matrix.js";
import { scatterChart } from "./scatter-chart.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {Map<string, import("../../sdk/colours.js").Table>} Tables Colour maps by name. */

/**
 * Layout of a figure, as the server describes it: tensors by their names.
 * @typedef {{ kind: string, title: string, [field: string]: any }} Layout
 */

/**
 * Draw a figure.
 * @param {Layout} layout
 * @param {Map<string, Tensor>} tensors
 * @param {Tables} tables
 * @param {number} [depth] Of a figure within others.
 * @returns {HTMLElement}
 */
export function drawFigure(layout, tensors, tables, depth = 0) {
  const heading = layout.title ? [make(depth ? "h4" : "h3", {}, layout.title)] : [];
  if (layout.kind === "panels") {
    const parts = layout.figures.map((/** @type {Layout} */ one) => drawFigure(one, tensors, tables, depth + 1));
    const isFlat = layout.figures.every((/** @type {Layout} */ one) => one.kind !== "panels");
    const grid = make("div", { class: isFlat ? "figure-grid" : "figure-rows" }, ...parts);
    return make("section", { class: "figure-panels" }, ...heading, grid);
  }
  return make("figure", { class: `figure figure-${layout.kind}` }, ...heading, chartOf(layout, tensors, tables));
}

/** @param {Layout} layout @param {Map<string, Tensor>} tensors @param {Tables} tables @returns {Node} */
function chartOf(layout, tensors, tables) {
  const named = (/** @type {string} */ name) => /** @type {Tensor} */ (tensors.get(name));
  const pair = (/** @type {string[] | null} */ names) => names && names.map(named);
  switch (layout.kind) {
    case "bars":
      return barChart(layout.title, named(layout.tensor), layout.limits, layout.highlight);
    case "lines":
      return lines(layout, layout.tensors.map(named));
    case "scatter":
      return scatterChart(layout.title, named(layout.x), named(layout.y), {
        labels: layout.labels,
        colour: layout.colour && named(layout.colour),
        path: pair(layout.path),
        marked: pair(layout.marked),
        tables,
      });
    case "heatmap":
      return matrix(layout.title, named(layout.tensor), layout.x, tables);
    default:
      return maps(layout, named(layout.tensor));
  }
}

/** A line for each tensor, or for each row of a matrix. @param {Layout} layout @param {Tensor[]} tensors */
function lines({ title, x, limits, reference, names }, tensors) {
  const chart = new LineChart(title);
  const curves = tensors.flatMap((tensor, index) => {
    if (tensor.axes.length < 2) return [{ name: names[index] ?? tensor.name.replaceAll(/[._]/g, " "), values: tensor.values }];
    const rows = tensor.axes.find((axis) => axis !== x) ?? tensor.axes[0];
    return tensor.labels(rows).map((name, at) => ({ name: String(name), values: alongAxis(tensor, rows, at) }));
  });
  chart.show(curves, { unit: x, names: tensors[0].labels(x), ends: limits ?? undefined, reference: reference ?? undefined });
  return chart.element;
}

/** Values of a matrix at one index of an axis. @param {Tensor} tensor @param {string} axis @param {number} at */
function alongAxis(tensor, axis, at) {
  if (tensor.axes[0] === axis) return tensor.slice(at);
  return Array.from({ length: tensor.shape[0] }, (_, other) => tensor.at(other, at));
}

/** Small maps side by side. @param {Layout} layout @param {Tensor} tensor */
function maps({ title, columns }, tensor) {
  const map = /** @type {import("../../sdk/tensor-heatmap.js").TensorHeatmap} */ (document.createElement("lw-tensor-heatmap"));
  map.setAttribute("label", title);
  if (columns) map.setAttribute("columns", String(columns));
  map.tensor = tensor;
  return map;
}
