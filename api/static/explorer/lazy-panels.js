/** Lazy panels: a panel loads its data when it is scrolled near the window, not with the page. */

/**
 * Call a function whenever an element comes within 300 pixels of the window, or leaves that range.
 * @param {Element} element
 * @param {(isNear: boolean) => void} react
 */
export function whenNear(element, react) {
  const observer = new IntersectionObserver((entries) => react(entries[entries.length - 1].isIntersecting), {
    rootMargin: "300px",
  });
  observer.observe(element);
}

/**
 * Load a panel when it comes near the window for the first time; an error is shown in the panel.
 * @param {HTMLElement | null} panel Null where the model on display has none.
 * @param {() => Promise<unknown>} load
 */
export function loadWhenNear(panel, load) {
  if (!panel) return;
  let isLoaded = false;
  whenNear(panel, (isNear) => {
    if (!isNear || isLoaded) return;
    isLoaded = true;
    load().catch((/** @type {Error} */ error) => {
      const body = panel.querySelector(".body") ?? panel;
      body.textContent = error.message;
    });
  });
}
