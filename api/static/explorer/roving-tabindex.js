/** Roving: a grid of buttons is one stop for the Tab key; the arrow keys go from one to the next. */

/**
 * Let the arrow keys move among the buttons of a grid, whatever they are at the time.
 * @param {HTMLElement} grid
 */
export function rovingTabindex(grid) {
  const buttons = () => /** @type {HTMLElement[]} */ (Array.from(grid.querySelectorAll("button")));
  const hold = (/** @type {HTMLElement | undefined} */ one) => {
    const all = buttons();
    const stop = one ?? all.find((button) => button.getAttribute("aria-pressed") === "true") ?? all[0];
    for (const button of all) button.tabIndex = button === stop ? 0 : -1;
  };
  new MutationObserver(() => hold(undefined)).observe(grid, { childList: true });
  grid.addEventListener("focusin", ({ target }) => hold(/** @type {HTMLElement} */ (target)));
  grid.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
    if (at < 0) return;
    const columns = all.filter((button) => button.offsetTop === all[0].offsetTop).length;
    const goal = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    all[goal]?.focus();
  });
  hold(undefined);
}
