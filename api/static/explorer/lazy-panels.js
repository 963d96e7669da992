/** Near: what a panel needs is asked for when somebody comes near it, not before. */

/**
 * Call a function whenever a panel comes near the window or leaves it.
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
 * Load what fills a panel when somebody comes near it for the first time.
 * @param {string} id
 * @param {() => Promise<unknown>} load
 */
export function loadWhenNear(id, load) {
  const panel = /** @type {HTMLElement} */ (document.getElementById(id));
  let begun = false;
  whenNear(panel, (isNear) => {
    if (!isNear || begun) return;
    begun = true;
    load().catch((/** @type {Error} */ error) => {
      const body = panel.querySelector(".body") ?? panel;
      body.textContent = error.message;
    });
  });
}
