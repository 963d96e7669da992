/**
 * `<lw-gate-trace>`: gates and states of a network of sequences at every step, one lane for each.
 *
 *     <lw-gate-trace sequence="1011001110" values="forget_gate,cell" units="0,3"></lw-gate-trace>
 *     <lw-gate-trace model="mine" sequence="abacad"></lw-gate-trace>
 *
 * Attributes, which are also properties: `model`, `sequence` (symbols, oldest first, or JSON of a list), `values`
 * (lanes: values of the network, `count` and `probability`), `units`, `cmap`, `server`, `token`; `step` and `unit` are
 * the followed step and unit. Set the property `answer` to an answer of the probe `trace` to show it without a request.
 * Events: `lw-step` { step } and `lw-unit` { unit } after a choice by pointer or keyboard;
 * `lw-answer` { answer } after a response of the server.
 *
 * This module has the attributes, the requests and the events; `trace-view.js` draws, and
 * `trace-input.js` handles pointer and keyboard.
 */

import { DEFAULT_MODELS } from "./client.js";
import "./colour-bar.js";
import { colourMaps } from "./colours.js";
import { sheet } from "./dom.js";
import { STYLE } from "./gate-trace-style.js";
import { clientOf, sentenceOf, ServerElement } from "./server-element.js";
import { listenToTrace } from "./trace-input.js";
import { COMPUTED } from "./trace-lane-data.js";
import { TraceView } from "./trace-view.js";

/** @typedef {import("./client.js").Answer} Answer */

const SHEET = sheet(STYLE);
/** Attributes whose change needs a new answer. */
const REQUEST_ATTRIBUTES = ["model", "sequence", "values", "units", "cmap", "server", "token"];

export class GateTrace extends ServerElement {
  static observedAttributes = [...REQUEST_ATTRIBUTES, "step", "unit"];

  #view;
  #request = new AbortController();
  #isRequestPlanned = false;
  /** Whether the sequence or another attribute has changed after the answer on display. */
  #isDue = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    this.#view = new TraceView(root);
    listenToTrace(this.#view, {
      host: this,
      goTo: (step) => this.#goTo(step),
      follow: (unit) => this.#follow(unit),
    });
  }

  connectedCallback() {
    this.#view.connect();
    if (this.#isDue) this.#planRequest();
  }

  disconnectedCallback() {
    this.#view.disconnect();
    this.#request.abort();
  }

  /**
   * @override
   * @param {string} name
   * @param {string | null} _before
   * @param {string | null} value
   */
  attributeChangedCallback(name, _before, value) {
    if (name === "step") this.step = value === null ? null : Number(value);
    else if (name === "unit") this.unit = value === null ? null : Number(value);
    else if (this.sequence) this.#planRequest();
    else if (name === "values") this.#show();
    else if (name === "token" && this.answer) void this.#showColoured();
  }

  /** Name of the model; that which ships with the server where it is empty. */
  get model() {
    return this.getAttribute("model") ?? "";
  }

  set model(name) {
    this.setAttribute("model", name);
  }

  /** Symbols of the request, oldest first, or JSON of a list of symbols or of rows of numbers. */
  get sequence() {
    return this.getAttribute("sequence") ?? "";
  }

  set sequence(bits) {
    this.setAttribute("sequence", bits);
  }

  /** Lanes from the top down, comma-separated; empty for gates, candidate and states. */
  get values() {
    return this.getAttribute("values") ?? "";
  }

  set values(names) {
    this.setAttribute("values", names);
  }

  /** Units of the request, comma-separated; empty for all. */
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

  /** Address of the server; empty for the server of this script. */
  get server() {
    return this.getAttribute("server") ?? "";
  }

  set server(address) {
    this.setAttribute("server", address);
  }

  /** The answer of the probe `trace` on display. @returns {Answer | null} */
  get answer() {
    return this.#view.answer;
  }

  set answer(answer) {
    // The response to an earlier sequence must not replace the answer that was set.
    this.#request.abort();
    this.#isDue = false;
    this.#view.answer = answer;
    this.#view.showError("");
    void this.#showColoured();
  }

  /** Titles in place of the usual ones, by lane. @returns {Readonly<Record<string, string>>} */
  get titles() {
    return this.#view.titles;
  }

  set titles(titles) {
    this.#view.titles = titles;
    this.#show();
  }

  /** Units from the top row down; null for ascending order. @returns {number[] | null} */
  get order() {
    return this.#view.unitOrder;
  }

  set order(units) {
    this.#view.unitOrder = units;
    this.#show();
  }

  /** The followed step, 0 to the length of the sequence; null for the last. @returns {number | null} */
  get step() {
    return this.answer ? this.#view.followed.step : this.#view.step;
  }

  set step(step) {
    this.#view.step = step;
    this.#view.reveal();
  }

  /** The unit whose line is drawn in every lane; null for the first. @returns {number | null} */
  get unit() {
    return this.answer ? this.#view.followed.unit : this.#view.unit;
  }

  set unit(unit) {
    this.#view.unit = unit;
    this.#view.paintSoon();
  }

  /**
   * Centre of a cell in client pixels; null where it is scrolled out of the view or has no value. The
   * colour there is exactly that of the server's colour map. Set `step` to scroll a step into view.
   * @param {string} value Such as `forget_gate`.
   * @param {number} step
   * @param {number} unit
   * @returns {{ x: number, y: number } | null}
   */
  cellCentre(value, step, unit) {
    return this.#view.cellCentre(value, step, unit);
  }

  /** Send one request after the current task, however many attributes change in it. */
  #planRequest() {
    this.#request.abort();
    this.#isDue = true;
    if (this.#isRequestPlanned) return;
    this.#isRequestPlanned = true;
    queueMicrotask(() => {
      this.#isRequestPlanned = false;
      if (this.isConnected && this.#isDue && this.sequence) void this.#sendRequest();
    });
  }

  async #sendRequest() {
    const { signal } = (this.#request = new AbortController());
    this.setAttribute("aria-busy", "true");
    try {
      const parameters = {
        values: this.#tensorNames() || null,
        units: this.units || null,
        cmap: this.cmap || null,
      };
      const model = this.model || DEFAULT_MODELS.sequence;
      const input = sequenceOf(this.sequence);
      const answer = await clientOf(this).ask(model, "trace", { input, parameters, signal });
      if (signal.aborted) return;
      this.answer = answer;
      this.#dispatch("lw-answer", { answer });
    } catch (error) {
      if (!signal.aborted) this.#view.showError(sentenceOf(error, this));
    } finally {
      if (this.#request.signal === signal || !signal.aborted) this.removeAttribute("aria-busy");
    }
  }

  /** Tensors of the lanes, comma-separated. Unknown names are sent too: the server's error lists the known ones. */
  #tensorNames() {
    if (!this.values) return "";
    const names = this.#laneNames.map((name) => (name in COMPUTED ? COMPUTED[name] : name)).filter((name) => name !== null);
    // The count needs no tensor, but a request without names would get all of them.
    return [...new Set(names.length ? names : ["logits"])].join(",");
  }

  get #laneNames() {
    return this.values
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean);
  }

  async #showColoured() {
    try {
      this.#view.tables = await colourMaps(clientOf(this));
      this.#show();
    } catch (error) {
      this.#view.showError(sentenceOf(error, this));
    }
  }

  #show() {
    this.#view.laneNames = this.#laneNames;
    this.#view.show();
  }

  /** @param {number} step */
  #goTo(step) {
    const next = Math.min(this.#view.columns.steps, Math.max(0, step));
    if (next === this.#view.followed.step) return;
    this.step = next;
    this.#dispatch("lw-step", { step: next });
  }

  /** @param {number | undefined} unit */
  #follow(unit) {
    if (unit === undefined || unit === this.#view.followed.unit) return;
    this.unit = unit;
    this.#dispatch("lw-unit", { unit });
  }

  /** @param {string} name @param {object} detail */
  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Sequence of an attribute: JSON of a list, or symbols. @param {string} text @returns {import("./client.js").Sequence} */
function sequenceOf(text) {
  if (!text.trimStart().startsWith("[")) return text;
  try {
    return { sequence: JSON.parse(text) };
  } catch {
    return text;
  }
}

customElements.define("lw-gate-trace", GateTrace);
