/**
 * `<lw-gate-trace>`: what an LSTM does at every step, one lane for each gate and state.
 *
 *     <lw-gate-trace sequence="1011001110" values="forget_gate,cell" units="0,3"></lw-gate-trace>
 *
 * Attributes, also there as properties: `sequence` (bits, oldest first), `values` (lanes, see
 * `LANES`), `units`, `cmap`, `server`; `step` and `unit` are what is followed. Set the property
 * `answer` to an answer of `/lstm/trace` to show that one instead of asking.
 * Events: `lw-step` { step } and `lw-unit` { unit }, when a person chooses another one; `lw-answer`
 * { answer }, when the server has answered.
 */

import { colourMaps } from "./colours.js";
import "./colour-bar.js";
import { clientOf, makeSvg, make, sheet } from "./dom.js";
import { exactDigits, formatNumber } from "./number-format.js";
import { AXIS_HEIGHT, axisMarks } from "./step-axis.js";
import { StepColumns } from "./step-columns.js";
import { STYLE } from "./gate-trace-style.js";
import { TraceLane } from "./trace-lane.js";
import { LANES, laneOf, DEFAULT_LANES } from "./trace-lane-data.js";

/** @typedef {import("./client.js").Answer} Answer */

const SHEET = sheet(STYLE);
const LEAP = 10;
/** What asks the server again when it changes. */
const ASKED = ["sequence", "values", "units", "cmap", "server"];

export class GateTrace extends HTMLElement {
  static observedAttributes = [...ASKED, "step", "unit"];

  /** @type {Answer | null} */
  #answer = null;
  /** @type {number[] | null} */
  #order = null;
  /** @type {number | null} */
  #step = null;
  /** @type {number | null} */
  #unit = null;
  /** @type {TraceLane[]} */
  #lanes = [];
  /** @type {Map<string, import("./colours.js").Table>} */
  #tables = new Map();
  #columns = new StepColumns();
  #question = new AbortController();
  #asking = false;
  #frame = 0;

  #axis = makeSvg("svg", { class: "axis", height: AXIS_HEIGHT });
  #marker = make("div", { class: "marker" });
  #pointed = make("div", { class: "pointed", hidden: true });
  #grid = make("div", { class: "grid" });
  #cursor = make(
    "div",
    { class: "cursor", role: "slider", tabIndex: 0, "aria-label": "Step" },
    this.#pointed,
    this.#marker,
  );
  #stage = make("div", { class: "stage" }, this.#grid, this.#cursor);
  #track = make("div", { class: "track" }, this.#stage);
  #scroller = make("div", { class: "scroller" }, this.#track);
  #hint = make("div", { class: "hint number", hidden: true });
  #error = make("p", { role: "alert", hidden: true });
  #sizes = new ResizeObserver(() => this.#layOut());

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    root.append(this.#error, this.#scroller, this.#hint);
    this.#scroller.hidden = true;
    this.#scroller.addEventListener("scroll", () => this.#paintSoon());
    this.#cursor.addEventListener("pointerdown", (event) => this.#press(event));
    this.#cursor.addEventListener("pointermove", (event) => this.#point(event));
    this.#cursor.addEventListener("pointerleave", () => this.#leave());
    this.#cursor.addEventListener("click", (event) => this.#choose(event));
    this.#cursor.addEventListener("keydown", (event) => this.#key(event));
  }

  connectedCallback() {
    this.#sizes.observe(this.#scroller);
    if (!this.#answer) this.#askSoon();
  }

  disconnectedCallback() {
    this.#sizes.disconnect();
    this.#question.abort();
  }

  /**
   * @param {string} name
   * @param {string | null} _before
   * @param {string | null} value
   */
  attributeChangedCallback(name, _before, value) {
    if (name === "step") this.step = value === null ? null : Number(value);
    else if (name === "unit") this.unit = value === null ? null : Number(value);
    else if (this.sequence) this.#askSoon();
    else if (name === "values") this.#show();
  }

  /** Bits to ask about, oldest first. */
  get sequence() {
    return this.getAttribute("sequence") ?? "";
  }

  set sequence(bits) {
    this.setAttribute("sequence", bits);
  }

  /** Lanes to show, comma-separated; gates, candidate and states where it is empty. */
  get values() {
    return this.getAttribute("values") ?? "";
  }

  set values(names) {
    this.setAttribute("values", names);
  }

  /** Units to show, comma-separated; all where it is empty. */
  get units() {
    return this.getAttribute("units") ?? "";
  }

  set units(units) {
    this.setAttribute("units", units);
  }

  /** Colour map of the gates: viridis, cividis or gray. */
  get cmap() {
    return this.getAttribute("cmap") ?? "";
  }

  set cmap(name) {
    this.setAttribute("cmap", name);
  }

  /** Address of the server; the one that this script came from where it is empty. */
  get server() {
    return this.getAttribute("server") ?? "";
  }

  set server(address) {
    this.setAttribute("server", address);
  }

  /** The answer of `/lstm/trace` that is shown. @returns {Answer | null} */
  get answer() {
    return this.#answer;
  }

  set answer(answer) {
    // A question that is still on its way must not overwrite what was just set.
    this.#question.abort();
    this.#answer = answer;
    this.#say("");
    void this.#load();
  }

  /** Units from the top row down; by number where it is null. @returns {number[] | null} */
  get order() {
    return this.#order;
  }

  set order(units) {
    this.#order = units;
    this.#show();
  }

  /** The step that is looked at, 0 to the length of the sequence; null is the last. @returns {number | null} */
  get step() {
    return this.#answer ? this.#followed.step : this.#step;
  }

  set step(step) {
    this.#step = step;
    this.#reveal();
  }

  /** The unit that is followed through all lanes; null is the first. @returns {number | null} */
  get unit() {
    return this.#answer ? this.#followed.unit : this.#unit;
  }

  set unit(unit) {
    this.#unit = unit;
    this.#paintSoon();
  }

  /**
   * Where a cell is drawn: its middle in client pixels; null where there is none in sight. Its colour
   * there is exactly the one of the server's colour map. Set `step` to bring a step into sight.
   * @param {string} value Such as `forget_gate`.
   * @param {number} step
   * @param {number} unit
   * @returns {{ x: number, y: number } | null}
   */
  cellCentre(value, step, unit) {
    if (this.#frame) this.#paint();
    const lane = this.#lanes.find(({ name }) => name === value);
    return lane?.centre(this.#columns, step, unit) ?? null;
  }

  // Asking

  /** Several attributes that change together are one question. */
  #askSoon() {
    if (this.#asking) return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      if (this.isConnected && this.sequence) void this.#ask();
    });
  }

  async #ask() {
    this.#question.abort();
    const { signal } = (this.#question = new AbortController());
    this.setAttribute("aria-busy", "true");
    try {
      const parameters = {
        values: this.#tensors() || null,
        units: this.units || null,
        cmap: this.cmap || null,
      };
      const answer = await clientOf(this).trace(this.sequence, parameters, { signal });
      if (signal.aborted) return;
      this.answer = answer;
      this.dispatchEvent(new CustomEvent("lw-answer", { detail: { answer }, bubbles: true, composed: true }));
    } catch (error) {
      if (!signal.aborted) this.#say(/** @type {Error} */ (error).message);
    } finally {
      if (this.#question.signal === signal || !signal.aborted) this.removeAttribute("aria-busy");
    }
  }

  /** What to ask for, so that every lane can be made; the server refuses what it does not know. */
  #tensors() {
    if (!this.values) return "";
    const asked = this.#names
      .map((name) => (name in LANES ? LANES[name].tensor : name))
      .filter((name) => name !== null);
    // At least one, since nothing asked for means everything.
    return [...new Set(asked.length ? asked : ["logits"])].join(",");
  }

  async #load() {
    try {
      this.#tables = await colourMaps(clientOf(this));
      this.#show();
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message);
    }
  }

  /** Say what went wrong in place of the lanes. @param {string} text */
  #say(text) {
    this.#error.textContent = text;
    this.#error.hidden = !text;
    this.#scroller.hidden = Boolean(text) || !this.#answer;
  }

  // Showing

  get #names() {
    const names = this.values
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean);
    return names.length ? names : DEFAULT_LANES;
  }

  /** Steps and units that there are, and which of them are followed. */
  get #followed() {
    const units = this.#rows();
    const steps = this.#answer?.input.sequence.length ?? 0;
    const step = Math.min(steps, Math.max(0, this.#step ?? steps));
    return { step, unit: units.includes(this.#unit ?? -1) ? Number(this.#unit) : (units[0] ?? 0) };
  }

  /** Units from the top row down. @returns {number[]} */
  #rows() {
    const tensors = [...(this.#answer?.tensors.values() ?? [])];
    const units = /** @type {number[]} */ (
      tensors.find(({ axes }) => axes.includes("unit"))?.labels("unit") ?? []
    );
    return this.#order
      ? [
          ...this.#order.filter((unit) => units.includes(unit)),
          ...units.filter((unit) => !this.#order?.includes(unit)),
        ]
      : units;
  }

  #show() {
    const answer = this.#answer;
    if (!answer || !this.#tables.size) return;
    const names = this.#names.filter((name) => name in LANES);
    if (names.join() !== this.#lanes.map(({ name }) => name).join()) {
      this.#lanes = names.map((name) => new TraceLane(name));
      const corner = make("div", { class: "head corner" }, make("span", { class: "meaning" }, "bit, step"));
      this.#grid.replaceChildren(
        corner,
        make("div", { class: "plot" }, this.#axis),
        ...this.#lanes.flatMap(({ head, plot }) => [head, plot]),
      );
    }
    for (const lane of this.#lanes) {
      const numbers = laneOf(lane.name, answer);
      lane.head.hidden = lane.plot.hidden = !numbers;
      if (numbers) lane.show(numbers, this.#rows());
    }
    this.#scroller.hidden = false;
    this.#layOut();
  }

  /** Fit the columns into the width that there is. */
  #layOut() {
    if (!this.#answer || !this.#scroller.clientWidth) return;
    const width = this.#scroller.clientWidth;
    this.#stage.style.width = `${width}px`;
    const { left, right } = this.#axis.getBoundingClientRect();
    const edge = this.#stage.getBoundingClientRect().left;
    this.#columns.fit(this.#answer.input.sequence.length, Math.floor(right - left));
    this.#track.style.width = `${Math.max(width, width - this.#columns.view + this.#columns.total)}px`;
    this.#cursor.style.left = `${left - edge}px`;
    this.#cursor.style.width = `${this.#columns.view}px`;
    this.#reveal();
  }

  /** Bring the followed step into sight. */
  #reveal() {
    if (this.#answer && this.#columns.view) {
      this.#columns.scroll = this.#scroller.scrollLeft;
      this.#scroller.scrollLeft = this.#columns.scrollTo(this.#followed.step);
    }
    this.#paintSoon();
  }

  #paintSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.#answer) return;
    this.#columns.scroll = this.#scroller.scrollLeft;
    const followed = this.#followed;
    for (const lane of this.#lanes) lane.paint(this.#columns, followed, this.#tables);
    this.#axis.replaceChildren(...axisMarks(this.#columns, this.#answer.input.sequence, followed.step));
    this.#place(this.#marker, followed.step);
    this.#describe(followed);
  }

  /**
   * Put a frame around a step's column, out of sight where that is.
   * @param {HTMLElement} frame
   * @param {number} step
   */
  #place(frame, step) {
    const left = this.#columns.left(step);
    frame.hidden = left < 0 || left >= this.#columns.view;
    frame.style.transform = `translateX(${left}px)`;
    frame.style.width = `${this.#columns.width}px`;
  }

  /** Tell those who listen what is looked at. @param {{ step: number, unit: number }} followed */
  #describe({ step, unit }) {
    const bit = this.#answer?.input.sequence[step - 1];
    const values = this.#lanes.flatMap((lane) => {
      const value = lane.value(step, unit);
      return value === undefined ? [] : [`${LANES[lane.name].title} ${formatNumber(value)}`];
    });
    const place = step ? `step ${step}, bit ${bit}` : "step 0, before the first bit";
    const cursor = this.#cursor;
    cursor.setAttribute("aria-valuemin", "0");
    cursor.setAttribute("aria-valuemax", String(this.#columns.steps));
    cursor.setAttribute("aria-valuenow", String(step));
    cursor.setAttribute("aria-valuetext", [place, `unit ${unit}`, ...values].join(", "));
  }

  // Pointing

  /** @param {PointerEvent | MouseEvent} event */
  #at({ clientX, clientY }) {
    const step = this.#columns.stepAt(clientX - this.#cursor.getBoundingClientRect().left);
    const lane = this.#lanes.find((one) => !one.plot.hidden && one.covers(clientY));
    return { step, lane, unit: lane?.unitAt(clientY) ?? null };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    // A finger scrolls; a mouse that is held down leads the step along.
    if (event.pointerType === "mouse" && event.button === 0) this.#cursor.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    if (!this.#answer) return;
    const { step, lane, unit } = this.#at(event);
    if (event.pointerType === "mouse" && event.buttons & 1) this.#goTo(step);
    this.#place(this.#pointed, step);
    const shown = unit ?? this.#followed.unit;
    const value = lane?.value(step, shown);
    this.#hint.hidden = !lane;
    if (!lane) return;
    const place = `step ${step}${lane.hasUnits ? `, unit ${shown}` : ""}`;
    const number =
      value === undefined ? "no value before the first bit" : exactDigits(value, lane.dtype).replace("-", "−");
    this.#hint.replaceChildren(
      make("b", {}, number),
      make("span", {}, `${LANES[lane.name].title}, ${place}`),
    );
    const box = this.getBoundingClientRect();
    const right = event.clientX - box.left > box.width / 2;
    this.#hint.style.left = right ? "" : `${event.clientX - box.left + 14}px`;
    this.#hint.style.right = right ? `${box.right - event.clientX + 14}px` : "";
    this.#hint.style.top = `${event.clientY - box.top + 16}px`;
  }

  #leave() {
    this.#hint.hidden = this.#pointed.hidden = true;
  }

  /** @param {MouseEvent} event */
  #choose(event) {
    if (!this.#answer) return;
    const { step, unit } = this.#at(event);
    this.#goTo(step);
    if (unit !== null) this.#follow(unit);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#answer || event.ctrlKey || event.metaKey || event.altKey) return;
    const { step, unit } = this.#followed;
    const units = this.#rows();
    const row = units.indexOf(unit);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => this.#goTo(step - 1),
      ArrowRight: () => this.#goTo(step + 1),
      PageUp: () => this.#goTo(step - LEAP),
      PageDown: () => this.#goTo(step + LEAP),
      Home: () => this.#goTo(0),
      End: () => this.#goTo(this.#columns.steps),
      ArrowUp: () => this.#follow(units[Math.max(0, row - 1)]),
      ArrowDown: () => this.#follow(units[Math.min(units.length - 1, row + 1)]),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** @param {number} step */
  #goTo(step) {
    const next = Math.min(this.#columns.steps, Math.max(0, step));
    if (next === this.#followed.step) return;
    this.step = next;
    this.#tell("lw-step", { step: next });
  }

  /** @param {number | undefined} unit */
  #follow(unit) {
    if (unit === undefined || unit === this.#followed.unit) return;
    this.unit = unit;
    this.#tell("lw-unit", { unit });
  }

  /** @param {string} name @param {object} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("lw-gate-trace", GateTrace);
