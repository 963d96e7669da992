/** Bit editor: buttons, text field, presets and random sequences. */

import { make } from "/sdk/dom.js";
import { rovingTabindex } from "../roving-tabindex.js";
import { countBits, MAX_LENGTH, PRESETS, randomBits, readBits, withNoun } from "./sequence-text.js";

/** Buttons on display: of longer sequences those around the followed step. */
const SHOWN = 64;
const LONGEST_RANDOM = 128;

/**
 * Fill the panel `bits`.
 * @param {import("../context.js").Context} context
 */
export function mountBitEditor({ store, announce }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("bits-body"));
  const grid = make("div", { class: "bit-grid", role: "group", "aria-label": "Bits, oldest first" });
  const place = make("p", { class: "quiet" });
  const text = make("input", {
    type: "text",
    class: "number",
    inputMode: "numeric",
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
   * @param {string} bits
   * @param {number} [step]
   */
  function edit(bits, step) {
    const { sequence, step: now } = store.state;
    const kept = now >= sequence.length ? bits.length : Math.min(now, bits.length);
    store.set({ sequence: bits, step: step ?? kept });
  }

  const shorter = button("Remove last", () => edit(store.state.sequence.slice(0, -1)));
  const longer = ["0", "1"].map((bit) => button(`Add ${bit}`, () => edit(store.state.sequence + bit)));
  const random = button("Random", () => {
    const bits = randomBits(Number(length.value));
    edit(bits, bits.length);
  });
  length.addEventListener("input", () => (lengthText.textContent = length.value));
  const presets = PRESETS.map(({ name, bits, why: reason }) => {
    const chip = make("button", { type: "button", class: "chip", title: reason }, name);
    chip.addEventListener("click", () => edit(bits, bits.length));
    return chip;
  });

  text.addEventListener("input", () => {
    const { bits, complaint: message } = readBits(text.value);
    complaint.textContent = message;
    if (message && bits) keepCaret(text, bits);
    if (bits) edit(bits);
  });
  text.addEventListener("blur", () => {
    text.value = store.state.sequence;
    complaint.textContent = "";
  });

  grid.addEventListener("click", ({ target }) => {
    const at = Number(/** @type {HTMLElement} */ (target).dataset?.at ?? NaN);
    if (at >= 0) flip(at);
  });
  grid.addEventListener("keydown", (event) => {
    const at = Number(/** @type {HTMLElement} */ (event.target).dataset?.at ?? NaN);
    if (!(at >= 0) || !/^[01]$/.test(event.key)) return;
    setBit(at, event.key);
    /** @type {HTMLElement | null} */ (grid.querySelector(`[data-at="${at + 1}"]`))?.focus();
  });

  /** @param {number} at @param {string} bit */
  function setBit(at, bit) {
    const { sequence } = store.state;
    edit(sequence.slice(0, at) + bit + sequence.slice(at + 1));
  }

  /** @param {number} at */
  function flip(at) {
    const bit = store.state.sequence[at] === "1" ? "0" : "1";
    setBit(at, bit);
    announce(`Step ${at + 1} is now ${bit}.`);
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
    make("div", { class: "chips", role: "group", "aria-label": "Example sequences" }, ...presets),
    why,
    count,
  );
  rovingTabindex(grid);

  store.on(["sequence", "step"], ({ sequence, step }) => {
    showBits(grid, sequence, step);
    const [from, to] = displayedRange(sequence.length, step);
    place.hidden = sequence.length <= SHOWN;
    place.textContent = `Steps ${from + 1} to ${to} of ${sequence.length.toLocaleString("en")}, around the current step.`;
    if (readBits(text.value).bits !== sequence) text.value = sequence;
    shorter.disabled = sequence.length < 2;
    for (const one of longer) one.disabled = sequence.length >= MAX_LENGTH;
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

/** Range of the displayed bits: first, and one past the last. @param {number} length @param {number} step */
function displayedRange(length, step) {
  if (length <= SHOWN) return [0, length];
  const from = Math.min(length - SHOWN, Math.max(0, step - SHOWN / 2));
  return [from, from + SHOWN];
}

/**
 * Update the buttons. Their nodes are kept, so that the focus stays on the same one.
 * @param {HTMLElement} grid
 * @param {string} sequence
 * @param {number} step
 */
function showBits(grid, sequence, step) {
  const [from, to] = displayedRange(sequence.length, step);
  while (grid.children.length > to - from) grid.lastElementChild?.remove();
  while (grid.children.length < to - from)
    grid.append(make("button", { type: "button", class: "bit number" }));
  Array.from(grid.children, (one, index) => {
    const at = from + index;
    const bit = sequence[at];
    /** @type {HTMLElement} */ (one).dataset.at = String(at);
    one.textContent = bit;
    one.setAttribute("aria-pressed", String(bit === "1"));
    one.setAttribute("aria-label", `Step ${at + 1}: ${bit}`);
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
 * Remove other characters than 0 and 1, and keep the caret after the same bit.
 * @param {HTMLInputElement} input
 * @param {string} bits
 */
function keepCaret(input, bits) {
  const before = input.value.slice(0, input.selectionStart ?? 0).replace(/[^01]/g, "").length;
  input.value = bits;
  input.setSelectionRange(before, before);
}
