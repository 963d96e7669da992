/** Trace lane: title, cells of all units as colours, and the line of the followed unit. */

import { paint } from "./colours.js";
import { make, makeSvg } from "./dom.js";
import { formatNumber } from "./number-format.js";
import { laneTitle, valueAt } from "./trace-lane-data.js";

/** @typedef {import("./trace-lane-data.js").Lane} Lane */
/** @typedef {import("./step-columns.js").StepColumns} StepColumns */

const LINE_HEIGHT = 38;
const ALONE_HEIGHT = 58;
const MARGIN = 5;
/** Pixels from which on columns have a dot for every step, and cells a gap between them. */
const ROOMY = 10;

/** `head` and `plot` are the two grid cells of the lane. */
export class TraceLane {
  /** @type {Lane | null} */
  #lane = null;
  /** @type {number[]} */
  #order = [];
  #isTitled = false;
  #row = 0;
  #canvas = make("canvas");
  #units = make("div", { class: "units" });
  #line = makeSvg("svg", { class: "line" });
  #ends = make("div", { class: "ends number" });
  #value = make("output", { class: "number" });
  #bar = /** @type {import("./colour-bar.js").ColourBar} */ (document.createElement("lw-colour-bar"));

  #title = make("span");

  /** @param {string} name @param {string | undefined} title Title in place of its usual one. @param {string[]} others Values of the answer. */
  constructor(name, title, others) {
    this.name = name;
    const { symbol, meaning, ...usual } = laneTitle(name, others);
    this.#isTitled = title !== undefined;
    this.#title.textContent = title ?? usual.title;
    const titled = make("strong", {}, this.#title, ...(symbol ? ["\u00a0", make("i", {}, symbol)] : []));
    this.head = make(
      "div",
      { class: "head" },
      titled,
      this.#value,
      make("span", { class: "meaning" }, meaning),
    );
    this.plot = make("div", { class: "plot" });
  }

  /**
   * Set the values of the lane; `paint` draws them.
   * @param {Lane} lane
   * @param {number[] | null} order Units from the top row down; null for ascending order. Units that it lacks
   *   come last.
   */
  show(lane, order) {
    this.#lane = lane;
    if (lane.title && !this.#isTitled) this.#title.textContent = lane.title;
    this.#order = inOrder(lane.units ?? [], order);
    this.#row = rowHeight(this.#order.length);
    const cells = this.#order.length > 0;
    this.plot.replaceChildren(...(cells ? [this.#units, this.#canvas] : []), this.#ends, this.#line);
    this.#line.style.height = `${cells ? LINE_HEIGHT : ALONE_HEIGHT}px`;
    this.#ends.style.height = this.#line.style.height;
    this.#ends.replaceChildren(
      ...[lane.range.high, lane.range.low].map((end) => make("span", {}, formatNumber(end, 2))),
    );
    if (cells) {
      this.#bar.range = lane.range;
      this.head.append(this.#bar);
    }
  }

  /**
   * Draw the visible steps.
   * @param {StepColumns} columns
   * @param {{ step: number, unit: number }} followed
   * @param {Map<string, import("./colours.js").Table>} tables Colour maps by name.
   */
  paint(columns, followed, tables) {
    const lane = this.#lane;
    if (!lane) return;
    const value = valueAt(lane, followed.step, followed.unit);
    this.#value.textContent = value === undefined ? "" : steady(value, lane.dtype);
    const table = tables.get(lane.range.map);
    if (this.#order.length && table) {
      this.#labelUnits(followed.unit);
      this.#paintCells(lane, columns, table);
    }
    this.#drawLine(lane, columns, followed);
  }

  /**
   * Unit of the row at a height; null below the cells.
   * @param {number} clientY
   * @returns {number | null}
   */
  unitAt(clientY) {
    if (!this.#order.length) return null;
    const row = Math.floor((clientY - this.#canvas.getBoundingClientRect().top) / this.#row);
    return this.#order[row] ?? null;
  }

  /** Whether a height is within the lane. @param {number} clientY */
  covers(clientY) {
    const { top, bottom } = this.plot.getBoundingClientRect();
    return clientY >= top && clientY < bottom;
  }

  /** @param {number} step @param {number} unit */
  value(step, unit) {
    return this.#lane ? valueAt(this.#lane, step, unit) : undefined;
  }

  /** Title on display. */
  get title() {
    return this.#title.textContent ?? this.name;
  }

  get dtype() {
    return this.#lane?.dtype ?? "float32";
  }

  /** Whether the lane has a value for each unit, not one for all. */
  get hasUnits() {
    return this.#order.length > 0;
  }

  /**
   * Centre of a cell in client pixels; null where it is out of view or has no value.
   * @param {StepColumns} columns
   * @param {number} step
   * @param {number} unit
   */
  centre(columns, step, unit) {
    const row = this.#order.indexOf(unit);
    const x = columns.middle(step);
    if (row < 0 || this.value(step, unit) === undefined || x < 0 || x >= columns.view) return null;
    const { left, top } = this.#canvas.getBoundingClientRect();
    return { x: left + x, y: top + (row + 0.5) * this.#row };
  }

  /** @param {number} followed */
  #labelUnits(followed) {
    const labels = this.#order.map((unit) =>
      make("span", { class: unit === followed ? "followed" : "" }, String(unit)),
    );
    for (const label of labels) label.style.height = `${this.#row}px`;
    // In rows that are too low for a number only the followed unit has one.
    if (this.#row < ROOMY) labels.forEach((label) => !label.className && (label.textContent = ""));
    this.#units.replaceChildren(...labels);
  }

  /**
   * @param {Lane} lane
   * @param {StepColumns} columns
   * @param {import("./colours.js").Table} table
   */
  #paintCells(lane, columns, table) {
    const ratio = devicePixelRatio || 1;
    const height = this.#row * this.#order.length;
    this.#canvas.width = Math.round(columns.view * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#canvas.style.height = `${height}px`;
    const steps = columns.inSight(lane.first);
    if (!steps.length) return;
    // Drawn elsewhere and copied: a browser prints the operations of a canvas, and clearing would erase the page below it.
    const drawn = new OffscreenCanvas(this.#canvas.width, this.#canvas.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (drawn.getContext("2d"));
    const values = this.#order.flatMap((unit) => steps.map((step) => valueAt(lane, step, unit) ?? NaN));
    const { low, high } = lane.range;
    // One pixel for each cell, enlarged without interpolation: every colour stays that of a value.
    const small = new OffscreenCanvas(steps.length, this.#order.length);
    small.getContext("2d")?.putImageData(paint(values, steps.length, low, high, table), 0, 0);
    context.imageSmoothingEnabled = false;
    const edges = [...steps, steps[steps.length - 1] + 1].map((step) =>
      Math.round(columns.left(step) * ratio),
    );
    const [left, right] = [edges[0], edges[edges.length - 1]];
    context.drawImage(small, left, 0, right - left, drawn.height);
    if (columns.width >= ROOMY && this.#row >= ROOMY) this.#clearGaps(context, edges, ratio);
    this.#canvas.getContext("2d")?.drawImage(drawn, 0, 0);
  }

  /** Clear a gap between cells. @param {OffscreenCanvasRenderingContext2D} context @param {number[]} edges @param {number} ratio */
  #clearGaps(context, edges, ratio) {
    const { width, height } = context.canvas;
    const gap = Math.max(1, Math.round(ratio));
    for (const edge of edges) context.clearRect(edge - gap, 0, gap, height);
    for (let row = 1; row <= this.#order.length; row += 1) {
      context.clearRect(0, Math.round(row * this.#row * ratio) - gap, width, gap);
    }
  }

  /**
   * @param {Lane} lane
   * @param {StepColumns} columns
   * @param {{ step: number, unit: number }} followed
   */
  #drawLine(lane, columns, { step: now, unit }) {
    const height = (this.#order.length ? LINE_HEIGHT : ALONE_HEIGHT) - 2 * MARGIN;
    const { low, high } = lane.range;
    const level = (/** @type {number} */ value) => MARGIN + height * (1 - (value - low) / (high - low || 1));
    const middle = level(low < 0 ? 0 : (low + high) / 2);
    const end = Math.min(columns.view, columns.total - columns.scroll);
    const reference = makeSvg("line", {
      x1: 0,
      x2: end,
      y1: middle,
      y2: middle,
      class: low < 0 ? "zero" : "half",
    });
    // One step more on both sides, so that the line reaches the ends of the view.
    const inSight = columns.inSight(lane.first);
    const steps = [inSight[0] - 1, ...inSight, inSight[inSight.length - 1] + 1];
    const points = steps.flatMap((step) => {
      const value = valueAt(lane, step, unit);
      return value === undefined ? [] : [{ step, value, x: columns.middle(step), y: level(value) }];
    });
    const marks = lane.name === "count" ? bars(points, columns, middle) : line(points, columns);
    const here = points.find(({ step }) => step === now);
    if (here && lane.name !== "count")
      marks.push(makeSvg("circle", { cx: here.x, cy: here.y, r: 3.5, class: "now" }));
    if (lane.units && !lane.units.includes(unit)) marks.push(makeSvg("text", { x: 4, y: middle - 4 }, `no unit ${unit}`));
    this.#line.replaceChildren(reference, ...marks);
  }
}

/** Height of a unit's row in pixels: all rows fit into 256 where they can. @param {number} units */
function rowHeight(units) {
  return Math.min(12, Math.max(1, Math.floor(256 / Math.max(1, units))));
}

/**
 * Put units in an order.
 * @param {number[]} units
 * @param {number[] | null} order
 */
export function inOrder(units, order) {
  if (!order) return units;
  return [...order.filter((unit) => units.includes(unit)), ...units.filter((unit) => !order.includes(unit))];
}

/**
 * Format a number with fixed decimals, so that its digits keep their place while steps change.
 * @param {number} value
 * @param {string} dtype
 */
function steady(value, dtype) {
  return (dtype === "int32" ? String(value) : value.toFixed(3)).replace("-", "−");
}

/** @typedef {{ step: number, value: number, x: number, y: number }} Point */

/**
 * @param {Point[]} points
 * @param {StepColumns} columns
 */
function line(points, columns) {
  const path = makeSvg("polyline", { points: points.map(({ x, y }) => `${x},${y}`).join(" ") });
  if (columns.width < ROOMY) return [path];
  return [path, ...points.map(({ x, y }) => makeSvg("circle", { cx: x, cy: y, r: 1.75 }))];
}

/**
 * @param {Point[]} points
 * @param {StepColumns} columns
 * @param {number} zero Height of the axis.
 */
function bars(points, { width }, zero) {
  const gap = width >= ROOMY ? 2 : 0;
  return points.map(({ x, y, value }) =>
    makeSvg("rect", {
      x: x - width / 2 + gap / 2,
      y: Math.min(y, zero),
      width: width - gap,
      height: Math.abs(y - zero),
      class: value > 0 ? "more" : "fewer",
    }),
  );
}
