/** Tour keys: arrow keys change the step in presenter mode, and Escape leaves it, or the tour. */

import { isShortcut } from "../../sdk/dom.js";

/** Keys of a presenter, those of remote controls included, and the steps that they go on by. @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };

/**
 * Listen to the keys of a tour.
 * @param {HTMLElement} card
 * @param {import("./tour-card.js").Controls & { isPresenting: () => boolean }} controls
 * @param {AbortSignal} signal
 */
export function listenToKeys(card, { go, present, end, isPresenting }, signal) {
  // An element that a pointer has chosen leaves the arrow keys to the presenter; one that was reached by the keyboard has them.
  let isByKeyboard = false;
  addEventListener("pointerdown", () => (isByKeyboard = false), { signal, capture: true });

  addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Tab") isByKeyboard = true;
      if (isShortcut(event) || event.shiftKey) return;
      const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
      if (event.key === "Escape") return leave(target);
      const by = STEPS[event.key];
      if (!by || !isPresenting() || takesText(target)) return;
      if (isByKeyboard && !card.contains(target) && target !== document.body && event.key.startsWith("Arrow")) return;
      event.preventDefault();
      event.stopPropagation();
      go(by);
    },
    { signal, capture: true },
  );

  /** @param {HTMLElement} target */
  function leave(target) {
    if (isPresenting()) present();
    else if (card.contains(target)) end();
  }
}

/** Whether an element takes text. @param {HTMLElement} target */
function takesText(target) {
  return target.matches("textarea, input:is([type=text], [type=number], [type=password])");
}
