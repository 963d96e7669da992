/** Network input: the 28×28 pixels that the network gets, and the preprocessing steps as text. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { downloads } from "../downloads.js";
import { INPUT } from "./stages.js";

/** @typedef {import("/sdk/tensor-heatmap.js").TensorHeatmap} TensorHeatmap */

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
 * @param {import("./current-digit.js").Digit} digit
 */
export function mountNetworkInput({ store }, digit) {
  const container = /** @type {Element} */ (document.getElementById("seen"));
  const map = /** @type {TensorHeatmap} */ (document.createElement("lw-tensor-heatmap"));
  map.setAttribute("label", "Input of the network");
  const steps = make("ol", { class: "preparation" });
  const box = make("input", { type: "checkbox" });
  const toggle = make("label", { class: "row" }, box, "Preprocess pictures like MNIST");
  box.addEventListener("change", () => store.set({ preprocess: box.checked ? "mnist" : "none" }));
  store.on(["preprocess"], ({ preprocess }) => (box.checked = preprocess !== "none"));
  container.replaceChildren(map, make("div", { class: "seen-words" }, steps, toggle));
  const menu = downloads(() => digit.describe("predict", { cmap: null, range: null }, map.tensor ?? undefined));
  container.closest(".panel")?.querySelector("header")?.append(menu);

  digit.onAnswer(({ input, tensors }) => {
    map.tensor = tensors.get(INPUT) ?? null;
    steps.replaceChildren(...stepTexts(input.preparation).map((text) => make("li", {}, text)));
  });
}

/**
 * Preprocessing steps as sentences.
 * @param {Preparation} preparation
 * @returns {string[]}
 */
function stepTexts({ preprocess, source_size: [width, height], box, scale, steps }) {
  if (preprocess === "none") return steps;
  const size = `The picture has ${width} × ${height} pixels`;
  if (!box) return [`${size}.`, ...steps];
  const [left, top, right, bottom] = box;
  const [across, down] = [right - left, bottom - top];
  return [`${size}; the strokes fill ${across} × ${down}, at a scale of ${formatNumber(scale)}.`, ...steps];
}
