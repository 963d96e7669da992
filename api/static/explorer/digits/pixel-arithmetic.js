/** Pixel arithmetic: the terms of one value of a feature map, rounded so that they add up to it. */

import { rangeOf } from "/sdk/colours.js";
import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { downloads } from "../downloads.js";
import { exactNumber } from "../exact-number.js";
import { latestRequest } from "../latest-request.js";
import { whenNear } from "../lazy-panels.js";
import { roundedSum } from "../rounded-sum.js";
import { Contributions } from "./contributions.js";
import { kernelGrid } from "./kernel-grid.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */
/** @typedef {{ layer: string, channel: number, y: number, x: number }} Place */

const DECIMALS = 4;
const DELAY_MS = 60; // the pointer crosses many values on its way to the intended one

/**
 * Fill the panel `arithmetic`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-digit.js").Digit} digit
 * @param {Map<string, import("/sdk/colours.js").Table>} tables
 * @returns {{ show: (place: Place | null) => void }} `show` displays a value; null hides the panel.
 */
export function mountPixelArithmetic(context, digit, tables) {
  const body = /** @type {HTMLElement} */ (document.getElementById("arithmetic-body"));
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  const contributions = new Contributions(context.store, tables);
  const title = make("p", { class: "number" });
  const sum = make("div", { class: "arithmetic-sum" });
  const after = make("ol", { class: "arithmetic-steps" });
  const warning = make("p", { class: "warning", hidden: true });
  const content = make("div", {}, title, contributions.element, sum, after);
  body.replaceChildren(warning, content);
  panel.querySelector("header")?.append(downloads(describe));

  /** @type {Place | null} */
  let selected = null;
  /** @type {Answer | null} */
  let answer = null;
  let lastQuery = "";
  let timer = 0;
  let isNear = false;

  const parametersOf = (/** @type {Place} */ place) => ({
    preprocess: digit.parameters.preprocess,
    ...place,
  });

  const send = latestRequest(
    (/** @type {Place} */ place, signal) => {
      if (!digit.input) throw new Error("There is no digit yet: draw one or choose a sample.");
      return context.lightwell.pixel(digit.input, parametersOf(place), { signal });
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

  /** @param {Place | null} place */
  function show(place) {
    panel.hidden = !place;
    selected = place;
    clearTimeout(timer);
    timer = setTimeout(request, DELAY_MS);
  }

  function request() {
    if (!selected || !isNear || !digit.answer) return;
    const query = JSON.stringify([selected, digit.answer.input.pixels]);
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
    const number = (/** @type {string} */ name) => /** @type {number} */ (measures.get(name));
    const partsTensor = /** @type {Tensor} */ (tensors.get("contributions"));
    const isFirst = partsTensor.values.length === 1;
    if (isFirst) contributions.showOne(tensors);
    else contributions.showMany(tensors, layer);
    const terms = isFirst ? /** @type {Tensor} */ (tensors.get("products")).values : partsTensor.values;
    sum.replaceChildren(...sumLine(terms, number("bias"), number("sum"), isFirst));
    after.replaceChildren(...activationSteps(layer, number, tensors.get("window"), tables));
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!selected) return null;
    const { layer, channel, y, x } = selected;
    const view = digit.describe("pixel", { ...selected });
    const name = `${layer}-${channel}-y${y}-x${x}`;
    return { ...view, parameters: parametersOf(selected), name, tensor: answer?.tensors.get("products") };
  }

  return { show };
}

/**
 * The sum as a line of terms: all nine products of a single kernel, else the total of the contributions.
 * @param {ArrayLike<number>} terms
 * @param {number} bias
 * @param {number} total
 * @param {boolean} isComplete
 */
function sumLine(terms, bias, total, isComplete) {
  const all = Array.from(terms);
  const parts = isComplete ? all : [all.reduce((sum, one) => sum + one, 0)];
  const rounded = roundedSum([...parts, bias], total, DECIMALS);
  const texts = rounded.terms.map((text, at) => {
    const isBias = at === parts.length;
    const value = exactNumber(isBias ? bias : parts[at], isBias ? "float32" : "float64", text.replace("−", ""));
    const sign = text.startsWith("−") ? "−" : at ? "+" : "";
    const label = isBias ? "bias" : isComplete ? "" : `${all.length} contributions`;
    return make(
      "span",
      { class: `term${isBias ? " bias" : ""}` },
      `${sign} `,
      value,
      label ? make("small", {}, label) : "",
    );
  });
  const result = make(
    "span",
    { class: "term total" },
    "= ",
    exactNumber(total, "float64", rounded.total),
    make("small", {}, "sum"),
  );
  return [...texts, result];
}

/**
 * Steps from the sum to the value of the map: float32 rounding, ReLU, pooling.
 * @param {string} layer
 * @param {(name: string) => number} number
 * @param {Tensor | undefined} window
 * @param {Map<string, import("/sdk/colours.js").Table>} tables
 */
function activationSteps(layer, number, window, tables) {
  const [before, after] = [number("value"), number("relu")];
  const lost = number("rounding");
  const digits = formatNumber(Math.abs(lost), 2);
  const rounding = make(
    "li",
    {},
    "float32 arithmetic ",
    lost === 0 ? "has no rounding error" : lost < 0 ? "loses " : "adds ",
  );
  if (lost !== 0) rounding.append(exactNumber(lost, "float64", digits));
  rounding.append(": ", exactNumber(before, "float32", formatFloat32(before)), " before the ReLU");
  if (layer.startsWith("conv")) return [rounding];
  const negative = before < 0;
  const relu = make("li", {}, negative ? "ReLU: negative, so " : "ReLU: not negative, so it stays ");
  relu.append(exactNumber(after, "float32", formatFloat32(after)));
  if (!layer.startsWith("pool") || !window) return [rounding, relu];
  const range = rangeOf(window);
  const table = /** @type {import("/sdk/colours.js").Table} */ (tables.get(range.map));
  const [y, x] = [number("winner_y"), number("winner_x")];
  const grid = kernelGrid("The four pooled values", window.values, { ...range, table });
  const pool = make("li", { class: "pooling" }, grid);
  const caption = make(
    "span",
    {},
    "Max pooling keeps the largest of these four, at ",
    `row ${y}, column ${x}, the value computed above: `,
  );
  caption.append(exactNumber(number("output"), "float32", formatFloat32(number("output"))));
  pool.append(caption);
  return [rounding, relu, pool];
}

/** All significant digits of a float32. @param {number} value */
function formatFloat32(value) {
  return formatNumber(value, 7);
}
