/** Network input: the pixels that the network gets, and the steps of their preparation as text. */

import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import "../../sdk/tensor-heatmap.js";
import { part } from "../context.js";
import { downloads } from "../downloads.js";
import { imageInput, readsDigits } from "../model-facts.js";
import { DEFAULTS } from "../state.js";
import { PixelMap } from "./pixel-map.js";
import { INPUT_TENSOR } from "./stages.js";

/** @typedef {import("../../sdk/tensor-heatmap.js").TensorHeatmap} TensorHeatmap */

/**
 * @typedef {object} Preparation Preprocessing, as the server's answer describes it.
 * @property {string} preprocess
 * @property {[number, number]} source_size Width and height.
 * @property {[number, number, number, number] | null} box Left, top, right and bottom of the foreground.
 * @property {number} scale
 * @property {string[]} steps Sentences.
 */

/**
 * Fill the panel `sees`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export function mountNetworkInput(context, image) {
  const { store, model } = context;
  const { channels, prepare } = imageInput(model);
  const container = part(context, "seen");
  const map = /** @type {TensorHeatmap} */ (document.createElement("lw-tensor-heatmap"));
  map.setAttribute("label", "Input of the network");
  const steps = make("ol", { class: "preparation" });
  const box = make("input", { type: "checkbox" });
  const what = readsDigits(model) ? "Preprocess pictures like MNIST" : "Scale and crop pictures to the network’s size";
  const toggle = make("label", { class: "row", hidden: prepare === "none" }, box, what);
  box.addEventListener("change", () => store.set({ preprocess: box.checked ? DEFAULTS.preprocess : "none" }));
  store.on(["preprocess"], ({ preprocess }) => (box.checked = preprocess !== "none"));
  // Three channels are one picture here; in the network's first column each is a map.
  const colours = channels === 1 ? null : new PixelMap("Input of the network");
  container.replaceChildren(colours?.element ?? map, make("div", { class: "seen-words" }, steps, toggle));
  const menu = downloads(() => image.describe("predict", { cmap: null, range: null }, map.tensor ?? undefined));
  container.closest("section")?.querySelector("header")?.append(menu);

  image.onAnswer(({ input, tensors }) => {
    map.tensor = tensors.get(INPUT_TENSOR) ?? null;
    colours?.showColours(input.pixels);
    steps.replaceChildren(...stepTexts(input.preparation).map((text) => make("li", {}, text)));
  });
}

/**
 * Preprocessing steps as sentences.
 * @param {Preparation} preparation
 * @returns {string[]}
 */
function stepTexts({ preprocess, source_size: source, box, scale, steps = [] }) {
  if (preprocess !== "mnist") return steps;
  const [width, height] = source;
  const size = `The picture has ${width} × ${height} pixels`;
  if (!box) return [`${size}.`, ...steps];
  const [left, top, right, bottom] = box;
  const [across, down] = [right - left, bottom - top];
  return [`${size}; the strokes fill ${across} × ${down}, at a scale of ${formatNumber(scale)}.`, ...steps];
}
