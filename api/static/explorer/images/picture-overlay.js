/** Picture overlay: the network's input over a map of it, with a slider for its strength. */

import { make } from "../../sdk/dom.js";
import { imageData } from "./pixels.js";

/**
 * Lay the network's input over a map of the same proportions.
 * @param {HTMLElement} map
 * @param {string} noun Of the input: digit or picture.
 */
export function pictureOverlay(map, noun) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const strength = make("input", { type: "range", min: "0", max: "100", value: "45" });
  strength.setAttribute("aria-label", `Strength of the ${noun} over the map, in percent`);
  const fade = () => (canvas.style.opacity = String(Number(strength.value) / 100));
  strength.addEventListener("input", fade);
  fade();
  const slider = make("label", { class: "row quiet" }, "map", strength, `with the ${noun}`);
  return {
    element: make("div", { class: "picture-overlay" }, make("div", {}, map, canvas), slider),
    /** @param {import("./pixels.js").Pixels} rows */
    show(rows) {
      // Multiplied with the map, grey strokes darken it, and the ground leaves its colours as they are.
      const isGrey = !Array.isArray(rows[0][0]);
      const drawn = isGrey ? /** @type {number[][]} */ (rows).map((row) => row.map((value) => 255 - value)) : rows;
      const picture = imageData(drawn);
      Object.assign(canvas, { width: picture.width, height: picture.height });
      canvas.getContext("2d")?.putImageData(picture, 0, 0);
    },
  };
}
