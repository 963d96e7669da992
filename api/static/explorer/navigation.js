/** Navigation: links to the views, of which one is shown; each link holds the state of the page. */

import { DEFAULTS } from "./state.js";

/** @typedef {import("./state.js").Key} Key */

const NAME = document.title;

/**
 * Show the view of the state, and connect the links of the header.
 * @param {import("./store.js").Store} store
 * @param {string[]} views Those that the page has; links and sections of others are removed.
 * @param {(text: string) => void} announce
 */
export function mountNavigation(store, views, announce) {
  const links = /** @type {HTMLAnchorElement[]} */ (Array.from(document.querySelectorAll(".top nav a[data-view]")));
  const viewOf = (/** @type {HTMLAnchorElement} */ link) => link.dataset.view ?? "";
  for (const link of links.filter((one) => !views.includes(viewOf(one)))) {
    document.getElementById(viewOf(link))?.remove();
    link.remove();
  }
  const shown = links.filter((one) => one.isConnected);
  // The page that one leaves is written first, so that a step back finds it.
  for (const link of shown) link.addEventListener("click", () => store.keep());
  store.on(/** @type {Key[]} */ (Object.keys(DEFAULTS)), () => {
    for (const link of shown) link.href = store.linkTo({ view: viewOf(link), tour: 0, present: false });
  });
  let last = "";
  store.on(["view"], ({ view }) => {
    for (const one of views) /** @type {HTMLElement} */ (document.getElementById(one)).hidden = one !== view;
    for (const link of shown) {
      if (viewOf(link) === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const text = shown.find((one) => viewOf(one) === view)?.textContent ?? "";
    document.title = text ? `${text} · ${NAME}` : NAME;
    if (last) {
      scrollTo(0, 0);
      announce(`${text} is shown.`);
    }
    last = view;
  });
}
