/** Seen: the 28×28 that reach the network, and in words how they came about. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { downloads } from "../downloads.js";
import { INPUT } from "./stages.js";

/** @typedef {import("/sdk/tensor-heatmap.js").TensorHeatmap} TensorHeatmap */

/**
 * @typedef {object} Preparation What the server says it did.
 * @property {string} preprocess
 * @property {[number, number]} source_size Width and height.
 * @property {boolean} inverted
 * @property {[number, number, number, number] | null} box Left, top, right and bottom of the ink.
 * @property {number} scale
 * @property {[number, number]} shift
 */

/**
 * Fill the panel `sees`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-digit.js").Digit} digit
 */
export function mountSeen({ store }, digit) {
  const container = /** @type {Element} */ (document.getElementById("seen"));
  const map = /** @type {TensorHeatmap} */ (document.createElement("lw-tensor-heatmap"));
  map.setAttribute("label", "What the network sees");
  const steps = make("ol", { class: "preparation" });
  const box = make("input", { type: "checkbox" });
  const toggle = make("label", { class: "row" }, box, "Prepare pictures as MNIST was");
  box.addEventListener("change", () => store.set({ preprocess: box.checked ? "mnist" : "none" }));
  store.on(["preprocess"], ({ preprocess }) => (box.checked = preprocess !== "none"));
  container.replaceChildren(map, make("div", { class: "seen-words" }, steps, toggle));
  const menu = downloads(() => digit.describe("predict", { cmap: null, range: null }, map.tensor ?? undefined));
  container.closest(".panel")?.querySelector("header")?.append(menu);

  digit.onAnswer(({ input, tensors }) => {
    map.tensor = tensors.get(INPUT) ?? null;
    steps.replaceChildren(...wordsOf(input.preparation).map((text) => make("li", {}, text)));
  });
}

/**
 * Say what was done to a picture.
 * @param {Preparation} preparation
 * @returns {string[]}
 */
function wordsOf({ preprocess, source_size: [width, height], inverted, box, scale, shift }) {
  if (preprocess === "none") return ["Taken as it is, all 28 × 28 of it."];
  const came = `${width} × ${height} pixels came in.`;
  if (!box) return [came, "Nothing stands out from the ground: there is no ink to prepare."];
  const [left, top, right, bottom] = box;
  const isSame = scale === 1 && !inverted && shift[0] === left && shift[1] === top;
  if (isSame && width === 28 && height === 28) return ["Already in MNIST's form: taken as it is."];
  const steps = [came];
  if (inverted) steps.push("The ink was darker than its ground, so dark and light were swapped.");
  const [across, down] = [right - left, bottom - top];
  const longer = Math.round(scale * Math.max(across, down));
  steps.push(`The ink is ${across} × ${down} pixels; scaled by ${formatNumber(scale)}, its longer side is ${longer}.`);
  steps.push("Moved until its centre of mass lies in the middle.");
  return steps;
}
