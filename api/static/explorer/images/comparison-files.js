/** Comparison files: downloads of a difference. No probe computes it, so the page writes the files. */

import { make } from "../../sdk/dom.js";
import { closeWhenLeft, save, tensorFile } from "../downloads.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/**
 * @typedef {object} Part
 * @property {string} title Written above.
 * @property {HTMLCanvasElement} canvas The map, one pixel for each value.
 * @property {string} range Written below.
 */

const SIDE = 240;
const MARGIN = 12;

/**
 * Make the menu.
 * @param {() => { tensor: Tensor | null, parts: Part[] }} describe The difference, and the maps on
 *   display; no maps for a dense layer.
 */
export function comparisonFiles(describe) {
  const menu = make("details", { class: "downloads" }, make("summary", {}, "Save"));
  const [png, json, csv] = ["PNG", "JSON", "CSV"].map((name) => make("button", { type: "button" }, name));
  const writers = /** @type {[HTMLElement, string, (tensor: Tensor) => Blob | Promise<Blob | null>][]} */ ([
    [png, "png", () => picture(describe().parts)],
    [json, "json", (tensor) => tensorFile(tensor, "json")],
    [csv, "csv", (tensor) => tensorFile(tensor, "csv")],
  ]);
  for (const [button, ending, write] of writers) {
    button.addEventListener("click", async () => {
      const { tensor } = describe();
      const content = tensor && (await write(tensor));
      if (content) save(content, `${tensor.name}.${ending}`);
      menu.open = false;
    });
  }
  menu.addEventListener("toggle", () => (png.hidden = describe().parts.length === 0));
  menu.append(make("div", { class: "menu" }, png, json, csv));
  closeWhenLeft(menu);
  return menu;
}

/**
 * Draw maps side by side, with their titles and ranges.
 * @param {Part[]} parts
 * @returns {Promise<Blob | null>}
 */
async function picture(parts) {
  const canvas = make("canvas", { width: parts.length * (SIDE + MARGIN) + MARGIN, height: SIDE + 64 });
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#111";
  context.font = "14px sans-serif";
  context.imageSmoothingEnabled = false;
  parts.forEach(({ title, canvas: map, range }, at) => {
    const left = MARGIN + at * (SIDE + MARGIN);
    context.fillText(title, left, 22, SIDE);
    context.drawImage(map, left, 32, SIDE, SIDE);
    context.fillText(range, left, SIDE + 52, SIDE);
  });
  return new Promise((done) => canvas.toBlob(done));
}
