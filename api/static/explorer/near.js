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
