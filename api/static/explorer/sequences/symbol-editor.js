/** Symbol editor: a button for each step, a text field, presets and random sequences. */

import { isShortcut, make } from "../../sdk/dom.js";
import { rovingTabindex } from "../roving-tabindex.js";
import { part } from "../context.js";
import { countOf } from "../count.js";
import { alphabetOf, countsBits, isBits, stepNoun } from "../model-facts.js";
import { countBits, PRESETS, withNoun } from "./bits.js";
import { MAX_LENGTH, sequenceKind } from "./sequence-kind.js";

/** Buttons on display: of longer sequences those around the followed step. */
const SHOWN = 64;
const LONGEST_RANDOM = 128;
/** Most symbols that have a button of their own. */
const MOST_BUTTONS = 12;

/**
 * Fill the panel `bits`.
 * @param {import("../context.js").Context} context
 */
export function mountSymbolEditor(context) {
  const { store, model, announce } = context;
  const body = part(context, "bits-body");
  const alphabet = alphabetOf(model);
  const kind = sequenceKind(model);
  const isCounted = countsBits(model);
  const noun = stepNoun(model);
  const stepsOf = (/** @type {string} */ text) => /** @type {string[]} */ (kind.read(text).steps);
  const isText = alphabet.every((symbol) => symbol.length === 1);
  const presetsOf = isCounted ? PRESETS : [];
  const grid = make("div", { class: "bit-grid", role: "group", "aria-label": `${noun[0].toUpperCase()}${noun.slice(1)}s, oldest first` });
  const place = make("p", { class: "quiet" });
  const text = make("input", {
    type: "text",
    class: "number",
    inputMode: isBits(model) ? "numeric" : "text",
    spellcheck: false,
    autocomplete: "off",
  });
  const complaint = make("p", { class: "quiet complaint", role: "status" });
  const length = make("input", { type: "range", min: "1", max: String(LONGEST_RANDOM), value: "24" });
  const lengthText = make("output", { class: "number" }, length.value);
  const count = make("p", { class: "bit-count" });
  const why = make("p", { class: "explain preset-why" });

  /**
   * Set another sequence. A step at the end stays at the end; others keep their number.
   * @param {string[]} steps
   * @param {number} [step]
   */
  function edit(steps, step) {
    const { sequence, step: now } = store.state;
    const kept = now >= stepsOf(sequence).length ? steps.length : Math.min(now, steps.length);
    store.set({ sequence: kind.write(steps), step: step ?? kept });
  }

  const current = () => stepsOf(store.state.sequence);
  const shorter = button("Remove last", () => edit(current().slice(0, -1)));
  const longer = alphabet.slice(0, MOST_BUTTONS).map((symbol) => button(`Add ${symbol}`, () => edit([...current(), symbol])));
  const random = button("Random", () => {
    const steps = randomSteps(alphabet, Number(length.value));
    edit(steps, steps.length);
  });
  length.addEventListener("input", () => (lengthText.textContent = length.value));
  const presets = presetsOf.map(({ name, bits, why: reason }) => {
    const chip = make("button", { type: "button", class: "chip", title: reason }, name);
    chip.addEventListener("click", () => edit(Array.from(bits), bits.length));
    return chip;
  });

  text.addEventListener("input", () => {
    const { steps, complaint: message } = kind.read(text.value);
    complaint.textContent = message;
    if (message && steps.length && isText) keepCaret(text, kind);
    if (steps.length) edit(/** @type {string[]} */ (steps));
  });
  text.addEventListener("blur", () => {
    text.value = store.state.sequence;
    complaint.textContent = "";
  });

  grid.addEventListener("click", ({ target }) => {
    const at = Number(/** @type {HTMLElement} */ (target).dataset?.at ?? NaN);
    if (at >= 0) change(at);
  });
  grid.addEventListener("keydown", (event) => {
    const at = Number(/** @type {HTMLElement} */ (event.target).dataset?.at ?? NaN);
    if (!(at >= 0) || isShortcut(event) || !alphabet.includes(event.key)) return;
    setStep(at, event.key);
    /** @type {HTMLElement | null} */ (grid.querySelector(`[data-at="${at + 1}"]`))?.focus();
  });

  /** @param {number} at @param {string} symbol */
  function setStep(at, symbol) {
    edit(current().map((one, index) => (index === at ? symbol : one)));
  }

  /** Change a step to the next symbol of the alphabet. @param {number} at */
  function change(at) {
    const symbol = alphabet[(alphabet.indexOf(current()[at]) + 1) % alphabet.length];
    setStep(at, symbol);
    announce(`Step ${at + 1} is now ${symbol}.`);
  }

  body.replaceChildren(
    grid,
    place,
    make("div", { class: "row" }, ...longer, shorter),
    make("label", { class: "typed" }, "Type or paste ", text),
    complaint,
    make(
      "div",
      { class: "row" },
      random,
      make("label", { class: "length" }, "of length ", length, lengthText),
    ),
    ...(isCounted ? [make("div", { class: "chips", role: "group", "aria-label": "Example sequences" }, ...presets), why, count] : []),
  );
  rovingTabindex(grid);

  store.on(["sequence", "step"], ({ sequence, step }) => {
    const steps = stepsOf(sequence);
    showSteps(grid, steps, step, isBits(model));
    const [from, to] = displayedRange(steps.length, step);
    place.hidden = steps.length <= SHOWN;
    place.textContent = `Steps ${from + 1} to ${to} of ${countOf(steps.length)}, around the current step.`;
    if (kind.write(kind.read(text.value).steps) !== sequence) text.value = sequence;
    shorter.disabled = steps.length < 2;
    for (const one of longer) one.disabled = steps.length >= MAX_LENGTH;
    if (!isCounted) return;
    PRESETS.forEach(({ bits }, at) => presets[at].setAttribute("aria-pressed", String(bits === sequence)));
    const preset = PRESETS.find(({ bits }) => bits === sequence);
    why.textContent = preset?.why ?? "";
    count.replaceChildren(...countNodes(sequence));
  });
}

/**
 * @param {string} label
 * @param {() => void} act
 */
function button(label, act) {
  const made = make("button", { type: "button" }, label);
  made.addEventListener("click", act);
  return made;
}

/** Draw random symbols, each with equal probability. @param {string[]} alphabet @param {number} length */
function randomSteps(alphabet, length) {
  return Array.from(crypto.getRandomValues(new Uint32Array(length)), (number) => alphabet[number % alphabet.length]);
}

/** Range of the displayed steps: first, and one past the last. @param {number} length @param {number} step */
function displayedRange(length, step) {
  if (length <= SHOWN) return [0, length];
  const from = Math.min(length - SHOWN, Math.max(0, step - SHOWN / 2));
  return [from, from + SHOWN];
}

/**
 * Update the buttons. Their nodes are kept, so that the focus stays on the same one.
 * @param {HTMLElement} grid
 * @param {string[]} steps
 * @param {number} step
 * @param {boolean} areBits
 */
function showSteps(grid, steps, step, areBits) {
  const [from, to] = displayedRange(steps.length, step);
  while (grid.children.length > to - from) grid.lastElementChild?.remove();
  while (grid.children.length < to - from)
    grid.append(make("button", { type: "button", class: "bit number" }));
  Array.from(grid.children, (one, index) => {
    const at = from + index;
    const symbol = steps[at];
    /** @type {HTMLElement} */ (one).dataset.at = String(at);
    one.textContent = symbol;
    if (areBits) one.setAttribute("aria-pressed", String(symbol === "1"));
    one.setAttribute("aria-label", `Step ${at + 1}: ${symbol}`);
    one.classList.toggle("now", at + 1 === step);
  });
}

/** @param {string} sequence */
function countNodes(sequence) {
  const { ones, zeros, more } = countBits(sequence);
  const difference = ones - zeros;
  const sign = difference > 0 ? `+${difference}` : String(difference).replace("-", "−");
  return [
    make("span", { class: "number" }, `${withNoun(ones, "one")} − ${withNoun(zeros, "zero")} = ${sign}`),
    make("span", { class: "quiet" }, more ? "more 1s: yes" : difference ? "more 1s: no" : "a tie: no"),
  ];
}

/**
 * Remove characters that are no symbols, and keep the caret after the same symbol.
 * @param {HTMLInputElement} input
 * @param {import("./sequence-kind.js").SequenceKind} kind
 */
function keepCaret(input, kind) {
  const before = kind.read(input.value.slice(0, input.selectionStart ?? 0)).steps.length;
  input.value = kind.write(kind.read(input.value).steps);
  input.setSelectionRange(before, before);
}
