/** Pixel arithmetic: the terms of one value of a feature map, rounded so that they add up to it. */

import { rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { weightsFor } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { exactNumber } from "../exact-number.js";
import { latestRequest } from "../latest-request.js";
import { whenNear } from "../lazy-panels.js";
import { kernelOf, layerOf, nounOf, sourceOf } from "../model-facts.js";
import { sumLine } from "../sum-line.js";
import { Contributions } from "./contributions.js";
import { kernelGrid } from "./kernel-grid.js";
import { operationOf, operationTitle } from "./operations.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {{ layer: string, channel: number, y: number, x: number }} Place */

const DELAY_MS = 60; // the pointer crosses many values on its way to the intended one

/**
 * Fill the panel `arithmetic`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 * @returns {{ show: (place: Place | null, isPointed?: boolean) => void }} `show` displays a value, after a moment where the pointer
 *   is on it; null hides the panel.
 */
export function mountPixelArithmetic(context, image, tables) {
  const { model } = context;
  const body = /** @type {HTMLElement | null} */ (part(context, "arithmetic-body"));
  if (!body) return { show: () => {} };
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  const contributions = new Contributions(context.store, tables, nounOf(model));
  const title = make("p", { class: "number" });
  const sum = make("div", { class: "arithmetic-sum" });
  const after = make("ol", { class: "arithmetic-steps" });
  const warning = make("p", { class: "warning", hidden: true });
  const content = make("div", {}, title, contributions.element, sum, after);
  body.replaceChildren(warning, content);
  addDownloads(panel, describe);

  /** @type {Place | null} */
  let selected = null;
  /** @type {Answer | null} */
  let answer = null;
  let lastQuery = "";
  let timer = 0;
  let isNear = false;

  const parametersOf = (/** @type {Place} */ place) => ({
    preprocess: image.parameters.preprocess,
    ...weightsFor(model, context.store.state, "pixel"),
    ...place,
  });

  const send = latestRequest(
    context,
    (/** @type {Place} */ place, signal) => {
      if (!image.input) throw new Error("There is no picture yet: draw or choose one.");
      return context.lightwell.ask(model.name, "pixel", { input: image.input, parameters: parametersOf(place), signal });
    },
    (response, place) => {
      answer = response;
      warning.hidden = true;
      content.hidden = false;
      render(response, place);
    },
    (error) => {
      lastQuery = "";
      answer = null;
      warning.textContent = error.message;
      warning.hidden = false;
      content.hidden = true;
    },
  );

  /** @param {Place | null} place @param {boolean} [isPointed] */
  function show(place, isPointed = false) {
    panel.hidden = !place;
    selected = place;
    clearTimeout(timer);
    if (isPointed) timer = setTimeout(request, DELAY_MS);
    else request();
  }

  function request() {
    if (!selected || !isNear || !image.answer) return;
    const query = JSON.stringify([parametersOf(selected), image.answer.input.pixels]);
    if (query === lastQuery) return;
    lastQuery = query;
    void send(selected);
  }

  // The pointer sends a request for every value that it crosses: only while the panel is near.
  whenNear(panel, (now) => {
    isNear = now;
    request();
  });

  /** @param {Answer} response @param {Place} place */
  function render({ tensors, measures }, { layer, channel, y, x }) {
    title.textContent = `${layer}, channel ${channel}, row ${y}, column ${x}`;
    const entry = /** @type {import("../context.js").Layer} */ (layerOf(model, layer));
    const total = Number(measures.get("sum"));
    const bias = measures.has("bias") ? Number(measures.get("bias")) : null;
    const partsTensor = tensors.get("contributions");
    contributions.element.hidden = !partsTensor;
    sum.hidden = !measures.has("sum");
    if (partsTensor) {
      const isFirst = partsTensor.values.length === 1;
      if (isFirst) contributions.showOne(tensors);
      else contributions.showMany(tensors, sourceOf(model, kernelOf(model, entry) ?? ""));
      const terms = isFirst ? /** @type {Tensor} */ (tensors.get("products")).values : partsTensor.values;
      sum.replaceChildren(...sumLine(terms, bias, total, isFirst));
    } else {
      // A sum of layers has a term for each of them; the mean of a window is shown as its window.
      sum.replaceChildren(...sumLine(tensors.get("terms")?.values ?? [total], null, total, true));
    }
    after.replaceChildren(...laterSteps(entry, measures, tensors.get("window"), tables));
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!selected) return null;
    const { layer, channel, y, x } = selected;
    const view = image.describe("pixel", { ...selected });
    const name = `${layer}-${channel}-y${y}-x${x}`;
    return { ...view, parameters: parametersOf(selected), name, tensor: answer?.tensors.get("products") };
  }

  return { show };
}

/** Measures of the arithmetic that are no values of later layers. */
const OWN = ["bias", "sum", "rounding", "value", "output"];

/**
 * Steps from the sum to the value of the map: float32 rounding, normalisation, activation, pooling.
 * @param {import("../context.js").Layer} layer
 * @param {Answer["measures"]} measures
 * @param {Tensor | undefined} window
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 */
function laterSteps(layer, measures, window, tables) {
  const later = Array.from(measures.keys()).filter((name) => !OWN.includes(name) && !/^(patch|window|winner)_/.test(name));
  const rounding = measures.has("rounding") ? [roundingStep(measures, later[0])] : [];
  // Of a layer before its activation the answer has the activated value, too.
  if (["pre_activation", "merged"].includes(layer.kind)) return rounding;
  const steps = later.map((name) => laterStep(name, measures));
  return [...rounding, ...steps, ...(layer.kind === "pooled" && window ? [poolStep(layer, measures, window, tables)] : [])];
}

/** @param {Answer["measures"]} measures @param {string | undefined} next Measure of the next layer. */
function roundingStep(measures, next) {
  const lost = Number(measures.get("rounding"));
  const value = Number(measures.get("value"));
  const digits = formatNumber(Math.abs(lost), 2);
  const step = make("li", {}, "float32 arithmetic ", lost === 0 ? "has no rounding error" : lost < 0 ? "loses " : "adds ");
  if (lost !== 0) step.append(exactNumber(lost, "float64", digits));
  step.append(": ", exactNumber(value, "float32", formatFloat32(value)), next ? ` before the ${titleOfWord(next)}` : "");
  return step;
}

/** @param {string} name Measure of a later layer: its operation, and its name where there are several. @param {Answer["measures"]} measures */
function laterStep(name, measures) {
  const value = Number(measures.get(name));
  const isKept = value !== 0;
  const words = name === "relu" ? (isKept ? "not negative, so it stays " : "negative, so ") : "";
  return make("li", {}, `${titleOfWord(name)}: ${words}`, exactNumber(value, "float32", formatFloat32(value)));
}

/** @param {string} name */
function titleOfWord(name) {
  return operationTitle(name.split(".")[0]);
}

/**
 * @param {import("../context.js").Layer} layer
 * @param {Answer["measures"]} measures
 * @param {Tensor} window
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 */
function poolStep(layer, measures, window, tables) {
  const range = rangeOf(window);
  const table = /** @type {import("../../sdk/colours.js").Table} */ (tables.get(range.map));
  const { shape, values } = window;
  const count = values.length === 4 ? "four" : values.length;
  const grid = kernelGrid(`The ${count} pooled values`, values, { ...range, table }, { columns: shape[1] });
  const { isMaximum } = operationOf(layer);
  const place = `row ${measures.get("winner_y")}, column ${measures.get("winner_x")}`;
  const words = isMaximum
    ? `Max pooling keeps the largest of these ${count}, at ${place}, the value computed above: `
    : `Average pooling takes the mean of these ${count}: `;
  const output = Number(measures.get("output"));
  return make("li", { class: "pooling" }, grid, make("span", {}, words, exactNumber(output, "float32", formatFloat32(output))));
}

/** All significant digits of a float32. @param {number} value */
function formatFloat32(value) {
  return formatNumber(value, 7);
}
