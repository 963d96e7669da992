/**
 * `<lw-attribution>`: the attribution of a prediction to the pixels of an image, over the image.
 *
 *     <lw-attribution image="/samples/0.png" method="integrated_gradients"></lw-attribution>
 *
 * A slider shows more of the image or more of the attribution; `opacity` sets it.
 */

import { ColourBar } from "./colour-bar.js";
import { colourIndex, colourMaps, rangeOf } from "./colours.js";
import { make, sheet, TOKENS } from "./dom.js";
import { exactDigits } from "./number-format.js";
import { ERROR_STYLE, ProbeElement } from "./probe-element.js";

/** @typedef {import("./tensor.js").Tensor} Tensor */

const DEFAULT_METHOD = "integrated_gradients";
const DEFAULT_OPACITY = 80;

const STYLE = sheet(`${TOKENS}${ERROR_STYLE}
  :host { display: block; inline-size: 280px; max-inline-size: 100%; font-size: .8125rem; }
  [hidden] { display: none; }
  .maps { position: relative; }
  canvas { display: block; inline-size: 100%; image-rendering: pixelated; border-radius: 6px; }
  canvas + canvas { position: absolute; inset: 0; }
  label { display: grid; grid-template-columns: auto 1fr auto; gap: .5rem; align-items: center; margin-block: .4rem; color: var(--_muted); }
  input { inline-size: 100%; min-inline-size: 0; accent-color: var(--_accent); }
  output { display: block; min-block-size: 1.3em; font-family: var(--_mono); font-size: .75rem; color: var(--_muted); }
`);

/** Properties `input`, `answer`, `opacity`; event `lw-answer`. */
export class AttributionMap extends ProbeElement {
  /** @override */
  static observedAttributes = [...ProbeElement.observedAttributes, "method", "target", "opacity", "bare", "label"];

  #image = make("canvas", { "aria-hidden": "true" });
  #map = make("canvas", { role: "img" });
  #slider = make("input", { type: "range", min: "0", max: "100", "aria-label": "Attribution over the image, in percent" });
  #controls = make("label", {}, "image", this.#slider, "attribution");
  #value = make("output");
  #bar = new ColourBar();
  #shown = make("div", { hidden: true }, make("div", { class: "maps" }, this.#image, this.#map), this.#controls, this.#value, this.#bar);
  /** @type {Tensor | null} */
  #tensor = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.append(this._error, this.#shown);
    this.#slider.addEventListener("input", () => this.#fade(Number(this.#slider.value)));
    this.#map.addEventListener("pointermove", (event) => this.#read(event));
    this.#map.addEventListener("pointerleave", () => (this.#value.textContent = ""));
    this.#fade(DEFAULT_OPACITY);
  }

  /** @override @param {string} name */
  attributeChangedCallback(name) {
    if (name === "opacity") this.#fade(Number(this.getAttribute("opacity") ?? DEFAULT_OPACITY));
    else if (name === "bare") this.#showControls();
    else this._plan();
  }

  /** Percentage of the attribution over the image, 0 to 100. */
  get opacity() {
    return Number(this.#slider.value);
  }

  set opacity(percent) {
    this.#fade(percent);
  }

  /** @override @param {import("./probe-element.js").Input} input @param {AbortSignal} signal */
  _ask(input, signal) {
    const { _client: client, model } = this;
    const parameters = { method: this.getAttribute("method") || DEFAULT_METHOD, target: this.getAttribute("target") };
    return client.ask(model, "attribution", { input, signal, parameters });
  }

  /** @override @param {import("./client.js").Answer | null} answer */
  _show(answer) {
    this.#tensor = answer?.tensors.get("attribution") ?? null;
    this.#shown.hidden = !this.#tensor;
    this.#showControls();
    if (answer && this.#tensor) void this.#paint(answer.input.pixels, this.#tensor);
  }

  /** @param {number} percent */
  #fade(percent) {
    const held = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : DEFAULT_OPACITY));
    this.#slider.value = String(held);
    this.#map.style.opacity = String(held / 100);
  }

  #showControls() {
    const isBare = this.hasAttribute("bare");
    for (const one of [this.#controls, this.#value, this.#bar]) one.hidden = isBare;
  }

  /** @param {number[][]} pixels @param {Tensor} tensor */
  async #paint(pixels, tensor) {
    const tables = await colourMaps(this._client);
    const [rows, columns] = tensor.shape.slice(-2);
    for (const one of [this.#image, this.#map]) Object.assign(one, { width: columns, height: rows });
    const grey = new ImageData(columns, rows);
    pixels.flat().forEach((value, at) => grey.data.set(greyOf(value), 4 * at));
    this.#image.getContext("2d")?.putImageData(grey, 0, 0);
    const range = rangeOf(tensor);
    this.#map.getContext("2d")?.putImageData(overlay(tensor, range, tables), 0, 0);
    const name = this.getAttribute("label") ?? `Attribution by ${this.getAttribute("method") || DEFAULT_METHOD}`;
    this.#map.setAttribute("aria-label", name);
    this.#bar.range = range;
  }

  /** Show the value under the pointer. @param {PointerEvent} event */
  #read({ clientX, clientY }) {
    const tensor = this.#tensor;
    if (!tensor) return;
    const { left, top, width, height } = this.#map.getBoundingClientRect();
    const [rows, columns] = tensor.shape.slice(-2);
    const x = Math.min(columns - 1, Math.max(0, Math.floor(((clientX - left) / width) * columns)));
    const y = Math.min(rows - 1, Math.max(0, Math.floor(((clientY - top) / height) * rows)));
    const text = exactDigits(tensor.values[y * columns + x], tensor.dtype).replace("-", "−");
    this.#value.textContent = `y ${y} · x ${x}: ${text}`;
  }
}

/** Colour of an image's value, a number or red, green and blue, with its alpha. @param {number | number[]} value */
function greyOf(value) {
  return Array.isArray(value) ? [...value, 255] : [value, value, value, 255];
}

/**
 * Paint an attribution: the colours of its map, and opaque where its magnitude is large.
 * @param {Tensor} tensor
 * @param {{ map: string, low: number, high: number }} range
 * @param {Map<string, import("./colours.js").Table>} tables
 */
function overlay({ shape, values }, { map, low, high }, tables) {
  const [rows, columns] = shape.slice(-2);
  const picture = new ImageData(columns, rows);
  const table = tables.get(map);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  for (let at = 0; at < rows * columns && table; at += 1) {
    const index = Math.max(0, colourIndex(values[at], low, high));
    const alpha = Math.min(1, Math.sqrt(Math.abs(values[at]) / most));
    picture.data.set([table[3 * index], table[3 * index + 1], table[3 * index + 2], 255 * alpha], 4 * at);
  }
  return picture;
}

customElements.define("lw-attribution", AttributionMap);
