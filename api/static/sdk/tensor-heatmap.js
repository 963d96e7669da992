/**
 * `<lw-tensor-heatmap>`: a tensor as a picture, with the exact value under the pointer.
 *
 *     <lw-tensor-heatmap probe="/lstm/gates?sequence=10110" tensor="forget_gate"></lw-tensor-heatmap>
 *     <lw-tensor-heatmap image="/samples/0.png" layer="relu1"></lw-tensor-heatmap>
 *     <lw-tensor-heatmap model="mine" image="https://example.org/cat.png" layer="conv2"></lw-tensor-heatmap>
 *
 * A script can also set the property `tensor` to a tensor, or `input` to an image to classify.
 *
 * This module has the attributes, the requests and the events; `heatmap-view.js` draws, and
 * `heatmap-input.js` handles pointer and keyboard.
 */

import { ColourBar } from "./colour-bar.js";
import { colourMaps } from "./colours.js";
import { make } from "./dom.js";
import { HeatmapAxes } from "./heatmap-axes.js";
import { HeatmapInput } from "./heatmap-input.js";
import { HeatmapView } from "./heatmap-view.js";
import { clientOf, sentenceOf, ServerElement } from "./server-element.js";
import { STYLE } from "./tensor-heatmap-style.js";
import { requestTensor } from "./tensor-request.js";
import { tileRange, tilesOf } from "./tiles.js";

/** @typedef {import("./tensor.js").Tensor} Tensor */
/** @typedef {import("./heatmap-view.js").Box} Box */

/** Attributes that change the layout or the texts, but not the tensor. */
const LAYOUT_ATTRIBUTES = ["columns", "bare", "label", "height", "cell", "axes"];

/**
 * Events: `lw-hover` has the value under the pointer or the keyboard's cursor as
 * `{ channel, y, x, value }`, by the names of the tensor's axes, or null between the tiles;
 * `lw-select` has the chosen value in the same form.
 */
export class TensorHeatmap extends ServerElement {
  static observedAttributes = ["probe", "tensor", "model", "image", "layer", "channel", "server", "token", ...LAYOUT_ATTRIBUTES];

  #view = new HeatmapView();
  #axes = new HeatmapAxes();
  #pointerInput;
  #below = make("div", { class: "bar" });
  #error = make("p", { class: "error", role: "alert", hidden: true });
  #colourBar = new ColourBar();

  /** @type {Tensor | null} */
  #tensor = null;
  /** @type {Map<string, import("./colours.js").Table> | null} */
  #tables = null;
  /** @type {import("./client.js").Image | null} */
  #input = null;
  #frameRequest = 0;
  #isRequestPlanned = false;
  /** Whether the input or an attribute has changed after the tensor on display. */
  #isDue = false;
  #request = new AbortController();
  #resizes = new ResizeObserver(() => this.#paintSoon());

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    this.#pointerInput = new HeatmapInput(this.#view, {
      hover: (place) => this.#dispatch("lw-hover", place),
      select: (place) => this.#dispatch("lw-select", place),
    });
    const { tip, status } = this.#pointerInput;
    this.#axes.surround(this.#view.frame);
    root.append(this.#error, this.#axes.element, this.#below, tip, status);
  }

  connectedCallback() {
    this.#resizes.observe(this);
    if (this.#isDue) this.#planRequest();
  }

  disconnectedCallback() {
    this.#resizes.disconnect();
    this.#request.abort();
    this.#pointerInput.tip.hidden = true;
  }

  /** @override @param {string} name */
  attributeChangedCallback(name) {
    const isLayout = LAYOUT_ATTRIBUTES.includes(name);
    // The channel selects tiles of a tensor that was set, and is a parameter of a request.
    if (isLayout || name === "channel") this.#show();
    if (!isLayout) this.#planRequest();
  }

  /** The tensor on display. @returns {Tensor | null} */
  get tensor() {
    return this.#tensor;
  }

  set tensor(tensor) {
    // The response to an earlier input must not replace the tensor that was set.
    this.#request.abort();
    this.#isDue = false;
    this.#tensor = tensor;
    this.#showError("");
    this.#show();
  }

  /** An image to classify; the answer's `layer` is displayed. @returns {import("./client.js").Image | null} */
  get input() {
    return this.#input;
  }

  set input(image) {
    this.#input = image;
    if (image) this.#planRequest();
    else this.tensor = null;
  }

  /** Label of the selected tile: a coordinate of the first axis, such as a channel; null for none. */
  get selected() {
    return this.#view.selected;
  }

  set selected(label) {
    this.#view.selected = label;
    this.#view.showSelected();
  }

  /** Outlined values of a single map; null for none. @returns {Box | null} */
  get marked() {
    return this.#view.marked;
  }

  set marked(box) {
    this.#view.marked = box;
    this.#view.showMarks();
  }

  /**
   * Client rectangle of a tile; null where it is not displayed.
   * @param {number | string} label
   * @returns {DOMRect | null}
   */
  boxOf(label) {
    return this.#view.boxOf(label);
  }

  /** Send one request after the current task, however many attributes change in it. */
  #planRequest() {
    const isWanted = this.hasAttribute("probe") || this.hasAttribute("image") || this.#input;
    if (!isWanted) return;
    this.#request.abort();
    this.#isDue = true;
    if (this.#isRequestPlanned) return;
    this.#isRequestPlanned = true;
    queueMicrotask(() => {
      this.#isRequestPlanned = false;
      if (this.isConnected && this.#isDue) void this.#sendRequest();
    });
  }

  async #sendRequest() {
    const { signal } = (this.#request = new AbortController());
    try {
      const tensor = await requestTensor(this, this.#input, signal);
      if (!signal.aborted) this.tensor = tensor;
    } catch (error) {
      if (!signal.aborted) this.#showError(sentenceOf(error, this));
    }
  }

  /** Show a message instead of the picture; an empty one hides it. @param {string} text */
  #showError(text) {
    this.#error.hidden = !text;
    this.#error.textContent = text;
    if (text) this.#view.frame.hidden = true;
    this.#below.hidden = Boolean(text);
  }

  /** Lay out the tensor as tiles. */
  #show() {
    const tensor = this.#tensor;
    const channel = this.getAttribute("channel");
    this.#view.frame.hidden = !tensor;
    this.#view.tiles = null;
    if (!tensor) return this.#below.replaceChildren();
    try {
      const columns = Number(this.getAttribute("columns")) || undefined;
      const tiles = tilesOf(tensor, { channel: channel === null ? null : Number(channel), columns });
      this.#view.show(tiles, this.getAttribute("label") ?? tensor.name);
      this.#showColourBar(tiles);
    } catch (error) {
      return this.#showError(sentenceOf(error, this));
    }
    this.#paintSoon();
  }

  /** @param {import("./tiles.js").Tiles} tiles */
  #showColourBar(tiles) {
    if (this.hasAttribute("bare")) return this.#below.replaceChildren();
    const range = tileRange(tiles, 0);
    if (range.scope === "channel" && tiles.shown.length > 1) {
      const note = make("p", { class: "note" }, "Each tile has its own colour range.");
      return this.#below.replaceChildren(note);
    }
    this.#below.replaceChildren(this.#colourBar);
    this.#colourBar.range = range;
  }

  /** Paint in the next animation frame, once for all changes until then. */
  #paintSoon() {
    if (this.#frameRequest || !this.#view.tiles) return;
    this.#frameRequest = requestAnimationFrame(async () => {
      try {
        this.#tables ??= await colourMaps(clientOf(this));
        this.#axes.show(this.hasAttribute("axes") ? this.#view.tiles : null);
        const { across, down } = this.#axes.size;
        const [height, cell] = ["height", "cell"].map((name) => Number(this.getAttribute(name)) || undefined);
        const room = { across: this.clientWidth - across, down: height && Math.max(1, height - down), cell };
        const isMoved = this.#view.paint(this.#tables, room);
        this.#axes.place(this.#view.grid);
        this.#pointerInput.refresh();
        if (isMoved) this.#dispatch("lw-layout");
      } catch (error) {
        this.#showError(sentenceOf(error, this));
      } finally {
        this.#frameRequest = 0;
      }
    });
  }

  /** @param {string} name @param {object | null} [detail] */
  #dispatch(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("lw-tensor-heatmap", TensorHeatmap);
