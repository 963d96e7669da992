/** Row editor: a table with the numbers of each step, and a text field to paste them. */

import { make } from "../../sdk/dom.js";
import { part } from "../context.js";
import { countOf } from "../count.js";
import { featuresOf } from "../model-facts.js";
import { MAX_LENGTH, sequenceKind } from "./sequence-kind.js";

/** Rows of the table on display: of longer sequences those around the followed step. */
const SHOWN = 32;

/**
 * Fill the panel `bits` for a network that reads rows of numbers.
 * @param {import("../context.js").Context} context
 */
export function mountRowEditor(context) {
  const { store, model } = context;
  const kind = sequenceKind(model);
  const features = featuresOf(model);
  const rowsOf = () => /** @type {number[][]} */ (kind.read(store.state.sequence).steps);
  const names = Array.from({ length: features }, (_, at) => make("th", { scope: "col" }, `${at + 1}`));
  const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "step"), ...names));
  const cells = make("tbody");
  const table = make("table", { class: "row-table number" }, make("caption", { class: "quiet" }, "The numbers of each step, oldest first"), head, cells);
  const place = make("p", { class: "quiet" });
  const complaint = make("p", { class: "quiet complaint", role: "status" });
  const text = make("textarea", { class: "number", rows: 3, spellcheck: false });
  const longer = make("button", { type: "button" }, "Add a row");
  const shorter = make("button", { type: "button" }, "Remove last");

  /**
   * Set other rows. A step at the end stays at the end; others keep their number.
   * @param {number[][]} rows
   */
  function edit(rows) {
    const { step } = store.state;
    const kept = step >= rowsOf().length ? rows.length : Math.min(step, rows.length);
    store.set({ sequence: kind.write(rows), step: kept });
  }

  longer.addEventListener("click", () => {
    const rows = rowsOf();
    edit([...rows, rows[rows.length - 1]]);
  });
  shorter.addEventListener("click", () => edit(rowsOf().slice(0, -1)));
  text.addEventListener("change", () => {
    const { steps, complaint: message } = kind.read(text.value);
    complaint.textContent = message;
    if (steps.length) edit(/** @type {number[][]} */ (steps));
  });
  cells.addEventListener("change", ({ target }) => {
    const input = /** @type {HTMLInputElement} */ (target);
    const [row, feature] = [Number(input.dataset.row), Number(input.dataset.feature)];
    const isNumber = input.value.trim() !== "" && Number.isFinite(Number(input.value));
    complaint.textContent = isNumber ? "" : `“${input.value}” is not a number; the old one was kept.`;
    if (isNumber) edit(rowsOf().map((one, at) => (at === row ? one.map((value, index) => (index === feature ? Number(input.value) : value)) : one)));
    else show(store.state);
  });

  /** @param {import("../state.js").State} state */
  function show({ step }) {
    const rows = rowsOf();
    const from = rows.length <= SHOWN ? 0 : Math.min(rows.length - SHOWN, Math.max(0, step - SHOWN / 2));
    const shown = rows.slice(from, from + SHOWN);
    place.hidden = rows.length <= SHOWN;
    place.textContent = `Steps ${from + 1} to ${from + shown.length} of ${countOf(rows.length)}, around the current step.`;
    // The nodes are kept where they can be, so that the focus stays in its cell.
    while (cells.children.length > shown.length) cells.lastElementChild?.remove();
    while (cells.children.length < shown.length) cells.append(emptyRow(features));
    shown.forEach((values, index) => fill(/** @type {HTMLElement} */ (cells.children[index]), from + index, values, step));
    if (document.activeElement !== text) text.value = kind.write(rows).replaceAll(";", "\n");
    longer.disabled = rows.length >= MAX_LENGTH;
    shorter.disabled = rows.length < 2;
  }

  part(context, "bits-body").replaceChildren(
    make("div", { class: "row-scroller", tabIndex: 0, role: "group", "aria-label": "Table of the steps" }, table),
    place,
    make("div", { class: "row" }, longer, shorter),
    make("label", { class: "typed" }, "Type or paste ", text),
    complaint,
  );
  store.on(["sequence", "step"], show);
}

/** @param {number} features */
function emptyRow(features) {
  const inputs = Array.from({ length: features }, (_, feature) => {
    const input = make("input", { type: "text", inputMode: "decimal", class: "number" });
    input.dataset.feature = String(feature);
    return make("td", {}, input);
  });
  return make("tr", {}, make("th", { scope: "row" }), ...inputs);
}

/**
 * @param {HTMLElement} row
 * @param {number} at
 * @param {number[]} values
 * @param {number} step
 */
function fill(row, at, values, step) {
  row.classList.toggle("now", at + 1 === step);
  /** @type {HTMLElement} */ (row.firstElementChild).textContent = String(at + 1);
  row.querySelectorAll("input").forEach((input, feature) => {
    input.dataset.row = String(at);
    input.setAttribute("aria-label", `Step ${at + 1}, number ${feature + 1}`);
    if (document.activeElement !== input || Number(input.value) !== values[feature]) input.value = String(values[feature]);
  });
}
