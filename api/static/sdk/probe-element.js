/** Probe element: base of the custom elements that show the answer of one probe to an image or a sequence. */

import { DEFAULT_MODELS } from "./client.js";
import { make } from "./dom.js";
import { clientOf, sentenceOf, ServerElement } from "./server-element.js";
import { fetchImage } from "./tensor-request.js";

/** @typedef {import("./client.js").Answer} Answer */
/** @typedef {import("./client.js").Image | import("./client.js").Sequence} Input */

/** Most requests that are repeated because the server still compiled until their deadline. */
const MOST_REPEATS = 6;

/**
 * Attributes `image` (an address) or `sequence`, `model`, `server` and `token`; the property `input` comes before
 * them. Event: `lw-answer` with `{ answer }`.
 */
export class ProbeElement extends ServerElement {
  static observedAttributes = ["model", "image", "sequence", "server", "token"];

  _error = make("p", { class: "error", role: "alert", hidden: true });
  /** @type {Input | null} */
  #input = null;
  /** @type {Answer | null} */
  #answer = null;
  #isPlanned = false;
  /** Whether the input or an attribute has changed after the answer on display. */
  #isDue = false;
  #request = new AbortController();

  connectedCallback() {
    if (this.#isDue) this._plan();
  }

  disconnectedCallback() {
    this.#request.abort();
  }

  /** @override @param {string} _name */
  attributeChangedCallback(_name) {
    this._plan();
  }

  /** Image or sequence to ask about; null for the attributes. @returns {Input | null} */
  get input() {
    return this.#input;
  }

  set input(input) {
    this.#input = input;
    if (input === null && !this.#isAsked) this.answer = null;
    this._plan();
  }

  /** Answer on display; a page may set one of its own. @returns {Answer | null} */
  get answer() {
    return this.#answer;
  }

  set answer(answer) {
    // The response to an earlier input must not replace the answer that was set.
    this.#request.abort();
    this.#isDue = false;
    this.#answer = answer;
    this.#explain("");
    this._show(answer);
  }

  /** Name of the network. */
  get model() {
    const isSequence = this.#input === null ? this.hasAttribute("sequence") : isBits(this.#input);
    return this.getAttribute("model") ?? DEFAULT_MODELS[isSequence ? "sequence" : "image"];
  }

  get #isAsked() {
    return this.#input !== null || this.hasAttribute("image") || this.hasAttribute("sequence");
  }

  /** Send one request after the current task, however many attributes change in it. */
  _plan() {
    if (!this.#isAsked) return;
    this.#request.abort();
    this.#isDue = true;
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      if (this.isConnected && this.#isDue && this.#isAsked) void this.#send();
    });
  }

  async #send() {
    const { signal } = (this.#request = new AbortController());
    try {
      const input = this.#input ?? this.getAttribute("sequence") ?? (await fetchImage(this, signal));
      const answer = await this.#askWhileCompiling(input, signal);
      if (signal.aborted) return;
      this.answer = answer;
      this.dispatchEvent(new CustomEvent("lw-answer", { detail: { answer }, bubbles: true, composed: true }));
    } catch (error) {
      if (!signal.aborted) this.#explain(sentenceOf(error, this));
    }
  }

  /**
   * Ask the probe, and again while the server compiles its program, which may take longer than a deadline.
   * @param {Input} input
   * @param {AbortSignal} signal
   */
  async #askWhileCompiling(input, signal) {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await this._ask(input, signal);
      } catch (error) {
        const { kind, message } = /** @type {import("./client.js").LightwellError} */ (error);
        if (signal.aborted || kind !== "deadline" || !/compil/.test(message) || repeats >= MOST_REPEATS) throw error;
        this.#explain("The server compiles this analysis, which follows in a moment.");
      }
    }
  }

  /** Show a sentence in place of the answer; an empty one shows the answer. @param {string} text */
  #explain(text) {
    this._error.hidden = !text;
    this._error.textContent = text;
    this.toggleAttribute("data-failed", Boolean(text));
  }

  /**
   * Ask the probe of the element.
   * @param {Input} _input
   * @param {AbortSignal} _signal
   * @returns {Promise<Answer>}
   */
  _ask(_input, _signal) {
    throw new Error("An element of this kind has a probe.");
  }

  /** Show an answer. @param {Answer | null} _answer Null for none. */
  _show(_answer) {}

  /** Client of the element. */
  get _client() {
    return clientOf(this);
  }
}

/** Whether an input is a sequence. @param {Input} input */
function isBits(input) {
  if (typeof input === "string") return true;
  if (Array.isArray(input)) return typeof input[0] !== "object";
  return !(input instanceof Blob) && "sequence" in input;
}

/** Style of the sentence that is shown in place of an answer. */
export const ERROR_STYLE = `
  .error { margin: 0; padding: .5rem .7rem; border-inline-start: 3px solid var(--_accent); font-size: .875rem; }
  :host([data-failed]) > :not(.error) { display: none; }
`;
