/** Colour view: a picture of three channels in place of the pad; it is chosen as a file, not drawn. */

import { make } from "../../sdk/dom.js";
import { imageData } from "./pixels.js";

/** @typedef {import("./pixels.js").Pixels} Pixels */

/** View of a chosen picture, with the properties and methods of the digit pad that the chapter reads. */
export class ColourView extends EventTarget {
  #canvas = make("canvas", { role: "img", "aria-label": "The picture" });
  #hint = make("p", { class: "quiet" }, "No picture yet");
  element = make("div", { class: "colour-view" }, this.#canvas, this.#hint);
  /** @type {Pixels | null} */
  #base = null;
  canUndo = false;
  strokes = "";

  /** @returns {Pixels | null} */
  get base() {
    return this.#base;
  }

  set base(rows) {
    this.#base = rows;
    this.#canvas.hidden = !rows;
    this.#hint.hidden = rows !== null;
    if (!rows) return;
    const picture = imageData(rows);
    Object.assign(this.#canvas, { width: picture.width, height: picture.height });
    this.#canvas.getContext("2d")?.putImageData(picture, 0, 0);
  }

  get empty() {
    return !this.#base;
  }

  /** @returns {Pixels} */
  pixels() {
    if (!this.#base) throw new Error("There is no picture yet: upload one, drop it here, or paste it.");
    return this.#base;
  }

  undo() {}

  clear() {
    this.base = null;
    this.dispatchEvent(new Event("lw-change"));
  }

  /** @returns {Promise<Blob>} */
  toBlob() {
    throw new Error("A picture of three channels is posted as pixels.");
  }
}
