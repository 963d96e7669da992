/** Nearest images: the test images nearest to the picture in an embedding, as a list of buttons. */

import { make } from "../../../sdk/dom.js";
import { exactDigits, formatNumber } from "../../../sdk/number-format.js";
import { imageData } from "../pixels.js";

/** @typedef {import("../../../sdk/tensor.js").Tensor} Tensor */

/**
 * Make the list.
 * @param {(number: number, rows: number[][]) => void} choose Called with an image's number in the test set, and its pixels.
 */
export function nearestImages(choose) {
  const element = make("ol", { class: "nearest-images", "aria-label": "Nearest test images" });

  /** @param {Map<string, Tensor>} tensors Of the probe `embedding`. */
  function show(tensors) {
    const [pictures, distances, labels] = ["neighbours", "distance", "label"].map((name) => /** @type {Tensor} */ (tensors.get(name)));
    const numbers = distances.labels("neighbour").map(Number);
    element.replaceChildren(
      ...numbers.map((number, at) => {
        const rows = rowsOf(pictures, at);
        const label = labels.values[labels.labels("image").indexOf(number)];
        const distance = formatNumber(distances.values[at]);
        const button = make("button", { type: "button" }, thumbnail(rows), make("strong", {}, String(label)), make("span", { class: "number" }, distance));
        button.title = `Test image ${number}, distance ${exactDigits(distances.values[at], distances.dtype)}`;
        button.addEventListener("click", () => choose(number, rows));
        return make("li", {}, button);
      }),
    );
  }

  return { element, show };
}

/** Pixels of one picture of a tensor. @param {Tensor} pictures @param {number} at @returns {number[][]} */
export function rowsOf(pictures, at) {
  return Array.from({ length: pictures.shape[1] }, (_, y) => Array.from(pictures.slice(at, y)));
}

/** @param {number[][]} rows */
export function thumbnail(rows) {
  const canvas = make("canvas", { width: rows[0].length, height: rows.length, "aria-hidden": "true" });
  canvas.getContext("2d")?.putImageData(imageData(rows), 0, 0);
  return canvas;
}
