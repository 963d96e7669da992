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
 * @property {boolean} inverted
 * @property {[number, number, number, number] | null} box Left, top, right and bottom of the foreground.
 * @property {number} scale
 * @property {[number, number]} shift
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
function stepTexts({ preprocess, source_size: [width, height], inverted, box, scale, shift }) {
  if (preprocess === "none") return ["Not preprocessed: the 28 × 28 pixels are used as they are."];
  const size = `The picture has ${width} × ${height} pixels.`;
  if (!box) return [size, "No stroke differs from the background, so there is nothing to preprocess."];
  const [left, top, right, bottom] = box;
  const isSame = scale === 1 && !inverted && shift[0] === left && shift[1] === top;
  if (isSame && width === 28 && height === 28) return ["Already in the format of MNIST: used unchanged."];
  const steps = [size];
  if (inverted) steps.push("The strokes are darker than the background, so the brightness is inverted.");
  const [across, down] = [right - left, bottom - top];
  const longer = Math.round(scale * Math.max(across, down));
  steps.push(`The strokes fill ${across} × ${down} pixels; scaled by ${formatNumber(scale)}, their longer side is ${longer}.`);
  steps.push("Shifted so that the centre of mass is in the middle.");
  return steps;
}
