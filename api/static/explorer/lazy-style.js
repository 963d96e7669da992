/** Lazy style: the style sheet of a panel is loaded with its module, not with the page. */

import { make } from "../sdk/dom.js";

/**
 * Load a style sheet, once.
 * @param {string} name Path beside the module.
 * @param {string} module `import.meta.url` of the module.
 * @returns {Promise<void>} Resolved also where it cannot be loaded: the panel works without it.
 */
export function loadStyle(name, module) {
  const { href } = new URL(name, module);
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  const link = make("link", { rel: "stylesheet", href });
  return new Promise((resolve) => {
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => resolve());
    document.head.append(link);
  });
}
