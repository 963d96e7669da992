/** Other-run controls: the sequence and the unit of side B. */

import { make } from "../../sdk/dom.js";
import { stepNoun } from "../model-facts.js";
import { otherSequence, otherUnit } from "./other-run.js";
import { mostUnits } from "./recurrent-layers.js";
import { sequenceKind } from "./sequence-kind.js";

/** @typedef {import("../context.js").Context} Context */

/** Make the field of the second sequence, with buttons to hold the current one and to swap both. @param {Context} context */
export function otherSequenceControls({ store, model, announce }) {
  const kind = sequenceKind(model);
  const text = make("input", { type: "text", class: "number", spellcheck: false, autocomplete: "off" });
  const complaint = make("p", { class: "complaint quiet", role: "status" });
  const hold = make("button", { type: "button" }, "Hold the current sequence as B");
  const swap = make("button", { type: "button" }, "Swap A and B");
  text.addEventListener("input", () => {
    const { steps, complaint: said } = kind.read(text.value);
    complaint.textContent = said;
    if (steps.length) store.set({ otherSequence: kind.write(steps) });
  });
  text.addEventListener("change", show);
  hold.addEventListener("click", () => {
    store.set({ otherSequence: store.state.sequence });
    announce("Held as sequence B. Now change the sequence.");
  });
  swap.addEventListener("click", () => store.set({ sequence: otherSequence(model, store.state), otherSequence: store.state.sequence }));

  function show() {
    text.value = otherSequence(model, store.state);
  }

  store.on(["sequence", "otherSequence"], () => {
    if (document.activeElement !== text) show();
  });
  const field = make("label", { class: "typed" }, `B: ${stepNoun(model)}s`, text);
  return make("div", { class: "row" }, field, hold, swap, complaint);
}

/**
 * Make the number of B's unit.
 * @param {Context} context
 * @param {string} by `unit` or `network`.
 * @param {() => import("../context.js").Model} network Network of B.
 */
export function otherUnitControls({ store }, by, network) {
  const number = make("input", { type: "number", min: "0", step: "1", class: "number unit-number" });
  const count = make("span", { class: "quiet" });
  number.addEventListener("change", () => {
    const wanted = Math.trunc(Number(number.value));
    if (number.value !== "") store.set({ otherUnit: Math.min(Math.max(wanted, 0), mostUnits(network()) - 1) });
    update();
  });
  function update() {
    const units = mostUnits(network());
    number.value = String(otherUnit(by, network(), store.state));
    number.max = String(units - 1);
    count.textContent = `of ${units}`;
  }
  store.on(["unit", "otherUnit", "otherSequenceModel"], update);
  return make("label", { class: "choice" }, "B: unit", number, count);
}
