/** Roving tabindex: a grid of buttons is one tab stop, and arrow keys move the focus inside it. */

import { isShortcut } from "../sdk/dom.js";

/**
 * Let the arrow keys move the focus among the buttons of a grid; buttons may be replaced later.
 * @param {HTMLElement} grid
 */
export function rovingTabindex(grid) {
  const buttons = () => /** @type {HTMLElement[]} */ (Array.from(grid.querySelectorAll("button")));
  const setTabStop = (/** @type {HTMLElement | undefined} */ one) => {
    const all = buttons();
    const stop = one ?? all.find((button) => button.getAttribute("aria-pressed") === "true") ?? all[0];
    for (const button of all) button.tabIndex = button === stop ? 0 : -1;
  };
  new MutationObserver(() => setTabStop(undefined)).observe(grid, { childList: true });
  grid.addEventListener("focusin", ({ target }) => setTabStop(/** @type {HTMLElement} */ (target)));
  grid.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
    if (at < 0 || isShortcut(event)) return;
    const columns = all.filter((button) => button.offsetTop === all[0].offsetTop).length;
    const next = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[next]?.focus();
  });
  setTabStop(undefined);
}
