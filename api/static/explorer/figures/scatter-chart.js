/** Scatter chart: points of two tensors, with the values of the nearest one as text. */

import { rangeOf } from "../../sdk/colours.js";
import { make, makeSvg } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

const WIDTH = 320;
const HEIGHT = 240;
const LEFT = 36;
const BOTTOM = 18;

/**
 * @typedef {object} Options
 * @property {string[]} labels Names of the points; none where empty.
 * @property {Tensor | null} colour Values that the points are coloured by.
 * @property {Tensor[] | null} path x and y of a line.
 * @property {Tensor[] | null} marked x and y of numbered points.
 * @property {import("./figure.js").Tables} tables
 */

/**
 * Draw a scatter chart.
 * @param {string} title
 * @param {Tensor} x
 * @param {Tensor} y
 * @param {Options} options
 * @returns {HTMLElement}
 */
export function scatterChart(title, x, y, { labels, colour, path, marked, tables }) {
  const [acrossEnds, upEnds] = [endsOf(x, path?.[0], marked?.[0]), endsOf(y, path?.[1], marked?.[1])];
  const across = (/** @type {number} */ value) => LEFT + ((value - acrossEnds[0]) / (acrossEnds[1] - acrossEnds[0] || 1)) * (WIDTH - LEFT - 6);
  const up = (/** @type {number} */ value) => 6 + ((upEnds[1] - value) / (upEnds[1] - upEnds[0] || 1)) * (HEIGHT - BOTTOM - 10);
  const fillOf = pointColours(colour, tables);
  const points = Array.from(x.values, (value, at) => makeSvg("circle", { cx: across(value), cy: up(y.values[at]), r: 2.2, fill: fillOf(at) }));
  const numbered = Array.from(marked?.[0].values ?? [], (value, at) => {
    const [cx, cy] = [across(value), up(/** @type {Tensor[]} */ (marked)[1].values[at])];
    return makeSvg("g", { class: "marked" }, makeSvg("circle", { cx, cy, r: 5 }), makeSvg("text", { x: cx, y: cy + 3 }, String(at)));
  });
  const line = path ? [makeSvg("polyline", { class: "path", points: Array.from(path[0].values, (value, at) => `${across(value)},${up(path[1].values[at])}`).join(" ") })] : [];
  const ring = makeSvg("circle", { class: "nearest", r: 5, visibility: "hidden" });
  const ticks = [
    ...acrossEnds.map((end, at) => makeSvg("text", { x: across(end), y: HEIGHT - 4, class: at ? "end" : "start" }, formatNumber(end, 2))),
    ...upEnds.map((end) => makeSvg("text", { x: LEFT - 5, y: up(end) + 3, class: "end" }, formatNumber(end, 2))),
  ];
  const frame = makeSvg("rect", { x: LEFT, y: 6, width: WIDTH - LEFT - 6, height: HEIGHT - BOTTOM - 10, class: "frame" });
  const svg = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${points.length} points` }, frame, ...ticks, ...line, ...points, ...numbered, ring);
  const text = make("p", { class: "number quiet" }, `${x.name.replaceAll("_", " ")} from left to right, ${y.name.replaceAll("_", " ")} upwards`);
  svg.addEventListener("pointermove", ({ clientX, clientY }) => {
    const { left, top, width } = svg.getBoundingClientRect();
    const scale = WIDTH / width;
    const at = nearest(points, (clientX - left) * scale, (clientY - top) * scale);
    if (at < 0) return;
    for (const name of ["cx", "cy"]) ring.setAttribute(name, String(points[at].getAttribute(name)));
    ring.setAttribute("visibility", "visible");
    const extra = colour ? `, ${colour.name.replaceAll("_", " ")} ${formatNumber(colour.values[at])}` : "";
    text.textContent = `${labels[at] ? `${labels[at]}: ` : ""}${formatNumber(x.values[at])}, ${formatNumber(y.values[at])}${extra}`;
  });
  return make("div", { class: "scatter-chart" }, svg, text);
}

/** Ends of an axis with some room. @param {...(Tensor | undefined)} tensors @returns {[number, number]} */
function endsOf(...tensors) {
  const all = tensors.flatMap((one) => Array.from(one?.values ?? [])).filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.04 * (high - low || 1);
  return [low - room, high + room];
}

/** @param {Tensor | null} colour @param {import("./figure.js").Tables} tables */
function pointColours(colour, tables) {
  const range = colour && rangeOf(colour);
  const table = range && tables.get(range.map);
  return (/** @type {number} */ at) => {
    if (!colour || !range || !table) return "currentColor";
    const share = (colour.values[at] - range.low) / (range.high - range.low || 1);
    const index = Math.min(255, Math.max(0, Math.round(255 * share))) || 0;
    return `rgb(${table[3 * index]} ${table[3 * index + 1]} ${table[3 * index + 2]})`;
  };
}

/** Index of the point nearest to a place. @param {SVGElement[]} points @param {number} x @param {number} y */
function nearest(points, x, y) {
  const away = points.map((one) => Math.hypot(Number(one.getAttribute("cx")) - x, Number(one.getAttribute("cy")) - y));
  return away.indexOf(Math.min(...away));
}
