/**
 * Pixel map: a matrix as a picture, one square for each value, with outlined boxes. With handlers, a
 * value is chosen by pointer or arrow keys.
 */

import { paint } from "../../sdk/colours.js";
import { isShortcut, make, makeSvg } from "../../sdk/dom.js";
import { imageData } from "./pixels.js";

/** @typedef {{ y: number, x: number }} Place */
/**
 * @typedef {object} Picture
 * @property {ArrayLike<number>} values Row by row.
 * @property {number} width
 * @property {number} low Value of the first colour.
 * @property {number} high Value of the last colour.
 * @property {import("../../sdk/colours.js").Table} table
 */

/**
 * @typedef {object} Handlers
 * @property {(place: Place | null, byKey: boolean) => void} point A value is pointed at; null when the
 *   pointer or the focus leaves.
 * @property {(place: Place) => void} [choose] A value is clicked, or Enter is pressed on it.
 * @property {() => void} [leave] Escape is pressed.
 */

/** Rows and columns that each key moves by. */
const MOVES = /** @type {Record<string, [number, number]>} */ ({
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
});

export class PixelMap {
  #under = make("canvas", { class: "pixel-map-under", hidden: true });
  /** One pixel for each value. */
  canvas = make("canvas");
  #marks = makeSvg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  #width = 1;
  #height = 1;
  /** @type {Place} */
  #at = { y: 0, x: 0 };

  /**
   * @param {string} label For screen readers.
   * @param {Handlers} [handlers] Left out where values cannot be chosen.
   */
  constructor(label, handlers) {
    this.element = make("div", { class: "pixel-map", role: "img" }, this.#under, this.canvas, this.#marks);
    this.label = label;
    if (handlers) this.#listen(handlers);
  }

  /** @param {string} label */
  set label(label) {
    this.element.setAttribute("aria-label", label);
  }

  /** @param {Picture} picture */
  show(picture) {
    this.#width = picture.width;
    this.#height = picture.values.length / picture.width;
    fill(this.canvas, picture);
    this.#marks.setAttribute("viewBox", `0 0 ${this.#width} ${this.#height}`);
    this.#at = this.#within(this.#at);
  }

  /** Show the pixels of a network's input: grey, or red, green and blue. @param {import("./pixels.js").Pixels} rows */
  showColours(rows) {
    [this.#height, this.#width] = [rows.length, rows[0].length];
    put(this.canvas, imageData(rows));
    this.#marks.setAttribute("viewBox", `0 0 ${this.#width} ${this.#height}`);
  }

  /**
   * Put the network's input under this picture.
   * @param {import("./pixels.js").Pixels} rows
   * @param {number} opacity Of the upper picture, 0 to 1.
   */
  lay(rows, opacity) {
    put(this.#under, imageData(rows));
    this.#under.hidden = opacity >= 1;
    this.canvas.style.opacity = String(opacity);
  }

  /**
   * Outline boxes of whole squares, instead of those outlined before.
   * @param {{ box: import("./receptive-field.js").Box, kind: "pointed" | "pinned" | "field" }[]} boxes
   */
  mark(boxes) {
    const rects = boxes.flatMap(({ box: { top, left, bottom, right }, kind }) => {
      const place = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
      // A dark line under a bright one is visible on every colour.
      return [makeSvg("rect", { ...place, class: "under" }), makeSvg("rect", { ...place, class: kind })];
    });
    this.#marks.replaceChildren(...rects);
  }

  /** Value from which the arrow keys move. @param {Place} place */
  set at(place) {
    this.#at = this.#within(place);
  }

  /** @param {Place} place */
  #within({ y, x }) {
    const clamp = (/** @type {number} */ at, /** @type {number} */ size) =>
      Math.min(Math.max(at, 0), size - 1);
    return { y: clamp(y, this.#height), x: clamp(x, this.#width) };
  }

  /** @param {Handlers} handlers */
  #listen({ point, choose, leave }) {
    const { element } = this;
    element.tabIndex = 0;
    element.classList.add("choosable");
    // With this role screen readers pass the arrow keys on instead of using them to read the page.
    element.setAttribute("role", "application");
    element.setAttribute("aria-roledescription", "map of values");
    const placeOf = (/** @type {PointerEvent} */ { clientX, clientY }) => {
      const { left, top, width, height } = this.canvas.getBoundingClientRect();
      const y = Math.floor(((clientY - top) / height) * this.#height);
      const x = Math.floor(((clientX - left) / width) * this.#width);
      return this.#within({ y, x });
    };
    const follow = (/** @type {PointerEvent} */ event) => point((this.#at = placeOf(event)), false);
    element.addEventListener("pointerdown", follow);
    element.addEventListener("pointermove", follow);
    element.addEventListener("pointerleave", () => point(null, false));
    element.addEventListener("blur", () => point(null, false));
    // A click has coordinates in whole pixels; those of the pointer event before it are more precise.
    element.addEventListener("click", () => choose?.(this.#at));
    element.addEventListener("keydown", (event) => {
      if (isShortcut(event)) return;
      const move = MOVES[event.key];
      if (move) point((this.#at = this.#within({ y: this.#at.y + move[0], x: this.#at.x + move[1] })), true);
      else if (event.key === "Enter" || event.key === " ") choose?.(this.#at);
      else if (event.key === "Escape") leave?.();
      else return;
      event.preventDefault();
    });
  }
}

/** @param {HTMLCanvasElement} canvas @param {Picture} picture */
function fill(canvas, { values, width, low, high, table }) {
  put(canvas, paint(values, width, low, high, table));
}

/** @param {HTMLCanvasElement} canvas @param {ImageData} picture */
function put(canvas, picture) {
  Object.assign(canvas, { width: picture.width, height: picture.height });
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
}
