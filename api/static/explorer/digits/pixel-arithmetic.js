/** Arithmetic: every number that one value of a map is made of, so that they add up to it. */

import { rangeOf } from "/sdk/colours.js";
import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { Contributions } from "./contributions.js";
import { downloads } from "../downloads.js";
import { exactNumber } from "../exact-number.js";
import { kernelGrid } from "./kernel-grid.js";
import { latestRequest } from "../latest-request.js";
import { whenNear } from "../lazy-panels.js";
import { roundedSum } from "../rounded-sum.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */
/** @typedef {{ layer: string, channel: number, y: number, x: number }} Place */

const DECIMALS = 4;
const WAIT_MS = 60; // the pointer crosses many values on its way to the one that is meant

/**
 * Fill the panel `arithmetic`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-digit.js").Digit} digit
 * @param {Map<string, import("/sdk/colours.js").Table>} tables
 * @returns {{ show: (place: Place | null) => void }} Null where there is nothing to show.
 */
export function mountArithmetic(context, digit, tables) {
  const body = /** @type {HTMLElement} */ (document.getElementById("arithmetic-body"));
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  const contributions = new Contributions(context.store, tables);
  const title = make("p", { class: "number" });
  const sum = make("div", { class: "arithmetic-sum" });
  const after = make("ol", { class: "arithmetic-steps" });
  const trouble = make("p", { class: "warning", hidden: true });
  const shown = make("div", {}, title, contributions.element, sum, after);
  body.replaceChildren(trouble, shown);
  panel.querySelector("header")?.append(downloads(describe));

  /** @type {Place | null} */
  let wanted = null;
  /** @type {Answer | null} */
  let answer = null;
  let asked = "";
  let timer = 0;
  let isNear = false;

  const parametersOf = (/** @type {Place} */ place) => ({
    preprocess: digit.parameters.preprocess,
    ...place,
  });

  const ask = latestRequest(
    (/** @type {Place} */ place, signal) => {
      if (!digit.input) throw new Error("There is no digit yet.");
      return context.lightwell.pixel(digit.input, parametersOf(place), { signal });
    },
    (given, place) => {
      answer = given;
      trouble.hidden = true;
      shown.hidden = false;
      render(given, place);
    },
    (error) => {
      asked = "";
      answer = null;
      trouble.textContent = error.message;
      trouble.hidden = false;
      shown.hidden = true;
    },
  );

  /** @param {Place | null} place */
  function show(place) {
    panel.hidden = !place;
    wanted = place;
    clearTimeout(timer);
    timer = setTimeout(request, WAIT_MS);
  }

  function request() {
    if (!wanted || !isNear || !digit.answer) return;
    const question = JSON.stringify([wanted, digit.answer.input.pixels]);
    if (question === asked) return;
    asked = question;
    void ask(wanted);
  }

  // Whoever never scrolls here need not wait for it, and the server need not answer.
  whenNear(panel, (now) => {
    isNear = now;
    request();
  });

  /** @param {Answer} given @param {Place} place */
  function render({ tensors, measures }, { layer, channel, y, x }) {
    title.textContent = `${layer}, channel ${channel}, row ${y}, column ${x}`;
    const number = (/** @type {string} */ name) => /** @type {number} */ (measures.get(name));
    const partsTensor = /** @type {Tensor} */ (tensors.get("contributions"));
    const isFirst = partsTensor.values.length === 1;
    if (isFirst) contributions.showOne(tensors);
    else contributions.showMany(tensors, layer);
    const terms = isFirst ? /** @type {Tensor} */ (tensors.get("products")).values : partsTensor.values;
    sum.replaceChildren(...line(terms, number("bias"), number("sum"), isFirst));
    after.replaceChildren(...steps(layer, number, tensors.get("window"), tables));
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!wanted) return null;
    const { layer, channel, y, x } = wanted;
    const view = digit.describe("pixel", { ...wanted });
    const name = `${layer}-${channel}-y${y}-x${x}`;
    return { ...view, parameters: parametersOf(wanted), name, tensor: answer?.tensors.get("products") };
  }

  return { show };
}

/**
 * Write the sum: all nine products where there is one kernel, else the sum of the contributions.
 * @param {ArrayLike<number>} terms
 * @param {number} bias
 * @param {number} total
 * @param {boolean} inFull
 */
function line(terms, bias, total, inFull) {
  const all = Array.from(terms);
  const parts = inFull ? all : [all.reduce((sum, one) => sum + one, 0)];
  const written = roundedSum([...parts, bias], total, DECIMALS);
  const texts = written.terms.map((text, at) => {
    const isBias = at === parts.length;
    const value = exactNumber(isBias ? bias : parts[at], isBias ? "float32" : "float64", text.replace("−", ""));
    const sign = text.startsWith("−") ? "−" : at ? "+" : "";
    const what = isBias ? "bias" : inFull ? "" : `${all.length} contributions`;
    return make(
      "span",
      { class: `term${isBias ? " bias" : ""}` },
      `${sign} `,
      value,
      what ? make("small", {}, what) : "",
    );
  });
  const result = make(
    "span",
    { class: "term total" },
    "= ",
    exactNumber(total, "float64", written.total),
    make("small", {}, "sum"),
  );
  return [...texts, result];
}

/**
 * Say what happens to the sum until it is the value of the map.
 * @param {string} layer
 * @param {(name: string) => number} number
 * @param {Tensor | undefined} window
 * @param {Map<string, import("/sdk/colours.js").Table>} tables
 */
function steps(layer, number, window, tables) {
  const [before, after] = [number("value"), number("relu")];
  const lost = number("rounding");
  const digits = formatNumber(Math.abs(lost), 2);
  const rounding = make(
    "li",
    {},
    "float32 arithmetic ",
    lost === 0 ? "loses nothing" : lost < 0 ? "loses " : "adds ",
  );
  if (lost !== 0) rounding.append(exactNumber(lost, "float64", digits));
  rounding.append(": ", exactNumber(before, "float32", written(before)), " before the ReLU");
  if (layer.startsWith("conv")) return [rounding];
  const negative = before < 0;
  const relu = make("li", {}, negative ? "ReLU: below zero, so " : "ReLU: not below zero, so it stays ");
  relu.append(exactNumber(after, "float32", written(after)));
  if (!layer.startsWith("pool") || !window) return [rounding, relu];
  const range = rangeOf(window);
  const table = /** @type {import("/sdk/colours.js").Table} */ (tables.get(range.map));
  const [y, x] = [number("winner_y"), number("winner_x")];
  const grid = kernelGrid("The four values that are pooled", window.values, { ...range, table });
  const pool = make("li", { class: "pooling" }, grid);
  const said = make(
    "span",
    {},
    "Pooling keeps the largest of these four, the one at ",
    `row ${y}, column ${x}, whose sum this is: `,
  );
  said.append(exactNumber(number("output"), "float32", written(number("output"))));
  pool.append(said);
  return [rounding, relu, pool];
}

/** @param {number} value In float32, every digit that matters. */
function written(value) {
  return formatNumber(value, 7);
}
