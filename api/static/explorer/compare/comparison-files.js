/** Comparison files: downloads of a difference and its two sides. No probe computes it, so the page writes the files. */

import { make } from "../../sdk/dom.js";
import { closeWhenLeft, save, tensorFile } from "../downloads.js";
import { npzFile } from "../npz.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/**
 * @typedef {object} Part
 * @property {string} title Written above.
 * @property {HTMLCanvasElement} canvas The map, one pixel for each value.
 * @property {string} range Written below.
 */
/**
 * @typedef {object} Comparison
 * @property {Tensor | null} tensor The difference; null before there is one.
 * @property {Record<string, Tensor>} sides A and B, by the names of their arrays.
 * @property {Part[]} parts The maps on display; none for a dense layer.
 * @property {boolean} [isWide] Whether the maps are lanes of many steps, which are drawn below each other.
 */

const SIDE = 240;
const WIDE = 960;
/** Pixels of a row of a lane. */
const ROW = 12;
const MARGIN = 12;
const [ABOVE, BELOW] = [32, 32];

/**
 * Make the menu.
 * @param {() => Comparison} describe
 */
export function comparisonFiles(describe) {
  const menu = make("details", { class: "downloads" }, make("summary", {}, "Save"));
  const writers = /** @type {[string, (tensor: Tensor, comparison: Comparison) => Blob | Promise<Blob | null>][]} */ ([
    ["PNG", (_, { parts, isWide }) => picture(parts, isWide ?? false)],
    ["JSON", (tensor) => tensorFile(tensor, "json")],
    ["CSV", (tensor) => tensorFile(tensor, "csv")],
    ["NPZ", (tensor, { sides }) => npzFile({ ...sides, difference: tensor })],
  ]);
  const buttons = writers.map(([format, write]) => {
    const button = make("button", { type: "button" }, format);
    button.addEventListener("click", async () => {
      const comparison = describe();
      const content = comparison.tensor && (await write(comparison.tensor, comparison));
      if (content) save(content, `${comparison.tensor?.name}.${format.toLowerCase()}`);
      menu.open = false;
    });
    return button;
  });
  const none = make("span", { class: "quiet" }, "There is no difference to save.");
  menu.addEventListener("toggle", () => {
    const { tensor, parts } = describe();
    buttons.forEach((button) => (button.hidden = !tensor));
    buttons[0].hidden ||= parts.length === 0;
    none.hidden = tensor !== null;
  });
  menu.append(make("div", { class: "menu" }, ...buttons, none));
  closeWhenLeft(menu);
  return menu;
}

/**
 * Draw maps side by side, or lanes below each other, with their titles and ranges.
 * @param {Part[]} parts
 * @param {boolean} isWide
 * @returns {Promise<Blob | null>}
 */
async function picture(parts, isWide) {
  const [width, height] = isWide ? [WIDE, ROW * (parts[0]?.canvas.height ?? 1)] : [SIDE, SIDE];
  const [across, down] = isWide ? [1, parts.length] : [parts.length, 1];
  const canvas = make("canvas", {
    width: across * (width + MARGIN) + MARGIN,
    height: down * (height + ABOVE + BELOW),
  });
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#111";
  context.font = "14px sans-serif";
  context.imageSmoothingEnabled = false;
  parts.forEach(({ title, canvas: map, range }, at) => {
    const left = MARGIN + (isWide ? 0 : at * (width + MARGIN));
    const top = isWide ? at * (height + ABOVE + BELOW) : 0;
    context.fillText(title, left, top + 22, width);
    context.drawImage(map, left, top + ABOVE, width, height);
    context.fillText(range, left, top + ABOVE + height + 20, width);
  });
  return new Promise((done) => canvas.toBlob(done));
}
