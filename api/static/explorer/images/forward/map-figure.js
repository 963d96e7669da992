/** Map figure: a map with its title, the positions of a window, and the number under the pointer. */

import { make } from "../../../sdk/dom.js";
import { exactDigits } from "../../../sdk/number-format.js";
import { PixelMap } from "../pixel-map.js";

/** @typedef {import("../pixel-map.js").Place} Place */

/**
 * @typedef {object} Shown
 * @property {ArrayLike<number>} values Row by row; NaN where a value is not computed yet.
 * @property {number} width
 * @property {{ low: number, high: number, table: import("../../../sdk/colours.js").Table }} colours
 * @property {Place} at Place whose number is written while the pointer is elsewhere.
 * @property {import("../receptive-field.js").Box[]} boxes
 * @property {string} [dtype] Of the values; float32 where left out.
 */

export class MapFigure {
  #map;
  #line = make("p", { class: "number quiet" });
  #title = make("h4");
  /** Place under the pointer; it stays while the values change. @type {Place | null} */
  #pointed = null;
  /** @type {Shown | null} */
  #shown = null;

  /**
   * @param {string} label For screen readers.
   * @param {(place: Place) => void} [go] Moves to a place that is chosen; left out where values can only be read.
   */
  constructor(label, go) {
    this.#map = new PixelMap(label, {
      point: (place, byKey) => {
        // A key moves to a place where it can; the pointer reads one.
        this.#pointed = byKey && go ? null : place;
        if (place && byKey) go?.(place);
        this.#write();
      },
      choose: (place) => go?.(place),
    });
    this.element = make("figure", { class: "forward-map" }, this.#title, this.#map.element, this.#line);
  }

  /** @param {string} text */
  set title(text) {
    this.#title.textContent = text;
  }

  /** @param {Shown} shown */
  show(shown) {
    this.#shown = shown;
    const { values, width, colours, boxes, at } = shown;
    this.#map.show({ values, width, ...colours });
    clearFrom(this.#map.canvas, Array.from(values).findIndex(Number.isNaN), width);
    this.#map.mark(boxes.map((box) => ({ box, kind: "field" })));
    this.#map.at = this.#pointed ?? at;
    this.#write();
  }

  #write() {
    if (!this.#shown) return;
    const { values, width, at, dtype = "float32" } = this.#shown;
    const { y, x } = this.#pointed ?? at;
    const value = values[y * width + x];
    const text = value === undefined ? "zero padding" : Number.isNaN(value) ? "not computed yet" : exactDigits(value, dtype).replace("-", "−");
    this.#line.textContent = `row ${y}, column ${x}: ${text}`;
  }
}

/**
 * Clear the squares of values that are not computed yet, which are all from one on.
 * @param {HTMLCanvasElement} canvas
 * @param {number} first Index of that value; -1 where all are known.
 * @param {number} width
 */
function clearFrom(canvas, first, width) {
  if (first < 0) return;
  const [y, x] = [Math.floor(first / width), first % width];
  const context = canvas.getContext("2d");
  context?.clearRect(x, y, width, 1);
  context?.clearRect(0, y + 1, width, canvas.height);
}
