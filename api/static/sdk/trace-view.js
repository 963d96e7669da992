/** Trace view: the picture of `<lw-gate-trace>`, lanes below a step axis, scrolled to the followed step. */

import { make, makeSvg } from "./dom.js";
import { formatNumber } from "./number-format.js";
import { AXIS_HEIGHT, axisMarks } from "./step-axis.js";
import { StepColumns } from "./step-columns.js";
import { laneData, lanesOf } from "./trace-lane-data.js";
import { inOrder, TraceLane } from "./trace-lane.js";

/** @typedef {import("./client.js").Answer} Answer */

/** Set the fields, then call `show`, `reveal` or `paintSoon`, from the largest change to the smallest. */
export class TraceView {
  /** @type {Answer | null} */
  answer = null;
  /** Lanes from the top down; empty for all values of the answer. @type {string[]} */
  laneNames = [];
  /** Titles in place of the usual ones, by lane. @type {Readonly<Record<string, string>>} */
  titles = {};
  /** Units from the top row down; null for ascending order. @type {number[] | null} */
  unitOrder = null;
  /** Step to follow; null for the last. @type {number | null} */
  step = null;
  /** Unit to follow; null for the first. @type {number | null} */
  unit = null;
  /** Colour maps by name. @type {Map<string, import("./colours.js").Table>} */
  tables = new Map();
  /** @type {TraceLane[]} */
  lanes = [];
  columns = new StepColumns();

  #frame = 0;
  #axis = makeSvg("svg", { class: "axis", height: AXIS_HEIGHT });
  #marker = make("div", { class: "marker" });
  #grid = make("div", { class: "grid" });
  /** Covers all lanes: it takes pointer and keyboard as one slider over the steps. */
  cursor = make("div", { class: "cursor", role: "slider", tabIndex: 0, "aria-label": "Step" }, this.#marker);
  #stage = make("div", { class: "stage" }, this.#grid, this.cursor);
  #track = make("div", { class: "track" }, this.#stage);
  #scroller = make("div", { class: "scroller" }, this.#track);
  #error = make("p", { role: "alert", hidden: true });
  #resizes = new ResizeObserver(() => this.#layOut());
  #isPrinted = false;

  /** @param {ShadowRoot} root */
  constructor(root) {
    this.root = root;
    root.append(this.#error, this.#scroller);
    this.#scroller.hidden = true;
    this.#scroller.addEventListener("scroll", () => this.paintSoon());
  }

  connect() {
    this.#resizes.observe(this.#scroller);
    for (const type of ["beforeprint", "afterprint"]) addEventListener(type, this.#fitPaper);
  }

  disconnect() {
    this.#resizes.disconnect();
    for (const type of ["beforeprint", "afterprint"]) removeEventListener(type, this.#fitPaper);
  }

  /** Paint all columns for the paper, as wide as `--lw-print-width`, or those on the screen. @param {Event} event */
  #fitPaper = ({ type }) => {
    this.#isPrinted = type === "beforeprint";
    const host = /** @type {HTMLElement} */ (this.root.host);
    const width = getComputedStyle(host).getPropertyValue("--lw-print-width") || `${host.offsetWidth}px`;
    host.style.width = this.#isPrinted ? width : "";
    this.#layOut();
    this.#paint();
  };

  /** Followed step and unit, among those of the answer. */
  get followed() {
    const units = this.rows();
    const steps = this.answer?.input.sequence.length ?? 0;
    const step = Math.min(steps, Math.max(0, this.step ?? steps));
    return { step, unit: units.includes(this.unit ?? -1) ? Number(this.unit) : (units[0] ?? 0) };
  }

  /** Units of all lanes from the top row down. @returns {number[]} */
  rows() {
    const tensors = [...(this.answer?.tensors.values() ?? [])].filter(({ axes }) => axes.includes("unit"));
    const all = new Set(tensors.flatMap((tensor) => /** @type {number[]} */ (tensor.labels("unit"))));
    const units = [...all].sort((one, other) => one - other);
    return inOrder(units, this.unitOrder);
  }

  /** Show a message instead of the lanes; an empty one shows the lanes. @param {string} text */
  showError(text) {
    this.#error.textContent = text;
    this.#error.hidden = !text;
    this.#scroller.hidden = Boolean(text) || !this.answer;
  }

  /** Build the lanes of the answer. */
  show() {
    const { answer } = this;
    if (!answer || !this.tables.size) return;
    const names = this.laneNames.length ? this.laneNames : lanesOf(answer);
    if (names.join() !== this.lanes.map(({ name }) => name).join()) this.#buildLanes(names);
    for (const lane of this.lanes) {
      const data = laneData(lane.name, answer);
      lane.head.hidden = lane.plot.hidden = !data;
      if (data) lane.show(data, this.unitOrder);
    }
    this.#scroller.hidden = false;
    this.#layOut();
  }

  /** @param {string[]} names */
  #buildLanes(names) {
    const values = Array.from(this.answer?.tensors.keys() ?? []);
    this.lanes = names.map((name) => new TraceLane(name, this.titles[name], values));
    const corner = make("div", { class: "head corner" }, make("span", { class: "meaning" }, "input, step"));
    this.#grid.replaceChildren(
      corner,
      make("div", { class: "plot" }, this.#axis),
      ...this.lanes.flatMap(({ head, plot }) => [head, plot]),
    );
  }

  /**
   * Fit the columns into the width of the element.
   *
   * The stage is sticky and as wide as the scroller; only the track is as wide as all steps. So each
   * frame paints the visible columns alone, and 4,096 steps need no canvas of that width.
   */
  #layOut() {
    if (!this.answer || !this.#scroller.clientWidth) return;
    const width = this.#scroller.clientWidth;
    this.#stage.style.width = `${width}px`;
    const { left, right } = this.#axis.getBoundingClientRect();
    const stageLeft = this.#stage.getBoundingClientRect().left;
    this.columns.fit(this.answer.input.sequence.length, Math.floor(right - left), { isWhole: this.#isPrinted });
    this.#track.style.width = `${Math.max(width, width - this.columns.view + this.columns.total)}px`;
    this.cursor.style.left = `${left - stageLeft}px`;
    this.cursor.style.width = `${this.columns.view}px`;
    this.reveal();
  }

  /** Scroll the followed step into view. */
  reveal() {
    if (this.answer && this.columns.view) {
      this.columns.scroll = this.#scroller.scrollLeft;
      this.#scroller.scrollLeft = this.columns.scrollTo(this.followed.step);
    }
    this.paintSoon();
  }

  /** Paint in the next animation frame, once for all changes until then. */
  paintSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.answer) return;
    this.columns.scroll = this.#scroller.scrollLeft;
    const { followed } = this;
    for (const lane of this.lanes) lane.paint(this.columns, followed, this.tables);
    this.#axis.replaceChildren(...axisMarks(this.columns, this.answer.input.sequence, followed.step));
    this.placeOnColumn(this.#marker, followed.step);
    this.#describeSlider(followed);
  }

  /**
   * Put a box on the column of a step; it is hidden where the column is out of view.
   * @param {HTMLElement} box
   * @param {number} step
   */
  placeOnColumn(box, step) {
    const left = this.columns.left(step);
    box.hidden = left < 0 || left >= this.columns.view;
    box.style.transform = `translateX(${left}px)`;
    box.style.width = `${this.columns.width}px`;
  }

  /** Write the followed step with its values for screen readers. @param {{ step: number, unit: number }} followed */
  #describeSlider({ step, unit }) {
    const input = this.answer?.input.sequence[step - 1];
    const values = this.lanes.flatMap((lane) => {
      const value = lane.value(step, unit);
      return value === undefined ? [] : [`${lane.title} ${formatNumber(value)}`];
    });
    const place = step ? `step ${step}, ${inputText(input)}` : "step 0, before the first input";
    this.cursor.setAttribute("aria-valuemin", "0");
    this.cursor.setAttribute("aria-valuemax", String(this.columns.steps));
    this.cursor.setAttribute("aria-valuenow", String(step));
    this.cursor.setAttribute("aria-valuetext", [place, `unit ${unit}`, ...values].join(", "));
  }

  /**
   * Centre of a cell in client pixels; null where it is out of view or has no value.
   * @param {string} name Of the lane.
   * @param {number} step
   * @param {number} unit
   */
  cellCentre(name, step, unit) {
    if (this.#frame) this.#paint();
    const lane = this.lanes.find((one) => one.name === name);
    return lane?.centre(this.columns, step, unit) ?? null;
  }
}

/** Input of a step in words: a bit, another symbol, or a row of numbers. @param {string | number[]} input */
function inputText(input) {
  if (Array.isArray(input)) return `input ${input.map((value) => formatNumber(value)).join(", ")}`;
  return `${/^[01]$/.test(input) ? "bit" : "symbol"} ${input}`;
}
