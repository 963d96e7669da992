/** Mirrored pad: a second pad for the chapter's drawing, beside a panel that is far from the first one. */

import { make } from "../../../sdk/dom.js";

/** @typedef {import("../../../sdk/digit-pad.js").DigitPad} DigitPad */

/**
 * Make a pad whose drawing is that of another one, in both directions.
 * @param {DigitPad} first
 * @param {number} size Side in CSS pixels.
 * @returns {{ element: HTMLElement, follow: () => void }} `follow` takes over a drawing that the first pad was given.
 */
export function mirroredPad(first, size) {
  const pad = /** @type {DigitPad} */ (first.cloneNode());
  pad.setAttribute("size", String(size));
  const clear = make("button", { type: "button" }, "Clear");
  clear.addEventListener("click", () => pad.clear());
  /** Whether an event of the first pad is one of this pad. */
  let isOwn = false;
  /** Drawing of the first pad that this pad has. */
  let known = "";
  const copy = (/** @type {DigitPad} */ from, /** @type {DigitPad} */ to) => {
    if (String(from.base) !== String(to.base)) to.base = from.base;
    // An equal drawing keeps its undo steps.
    if (from.strokes !== to.strokes) to.strokes = from.strokes;
    clear.disabled = pad.empty;
    known = drawingOf(first);
  };
  for (const event of ["lw-draw", "lw-change"]) {
    pad.addEventListener(event, () => {
      copy(pad, first);
      isOwn = true;
      first.dispatchEvent(new CustomEvent(event, { bubbles: true, composed: true }));
      isOwn = false;
    });
    first.addEventListener(event, () => isOwn || copy(first, pad));
  }
  // A stroke that grows on this pad is ahead of the first one until the next frame.
  const follow = () => void (drawingOf(first) === known || copy(first, pad));
  copy(first, pad);
  return { element: make("div", { class: "mirrored-pad" }, pad, clear), follow };
}

/** @param {DigitPad} pad */
function drawingOf({ base, strokes }) {
  return `${base} ${strokes}`;
}
