/** Lazy panels: a panel loads its module, style sheet and data when it is scrolled near the window, not with the page. */

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

/** Links that were added, by template or address. @type {Map<string, Promise<unknown>>} */
const added = new Map();

/**
 * Add the links of a template of the page, once: style sheets, and hints for modules that are imported at the same time.
 * @param {string} id Of the template.
 * @returns {Promise<unknown>} Resolved when the style sheets are loaded.
 */
export function addLinks(id) {
  const { content } = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return addOnce(id, () => Array.from(content.querySelectorAll("link")));
}

/**
 * Load a style sheet, once.
 * @param {string} href
 * @returns {Promise<unknown>} Resolved also where it cannot be loaded: the panel works without it.
 */
export function loadStyle(href) {
  return addOnce(href, () => [Object.assign(document.createElement("link"), { rel: "stylesheet", href })]);
}

/** @param {string} key @param {() => HTMLLinkElement[]} links */
function addOnce(key, links) {
  const loading = added.get(key) ?? Promise.all(links().map(add));
  added.set(key, loading);
  return loading;
}

/** Add a link to the page, and wait for its style sheet. @param {HTMLLinkElement} link @returns {Promise<unknown>} */
function add(link) {
  document.head.append(link);
  // Browsers load the sheet of a print after all else.
  if (link.rel !== "stylesheet" || link.media === "print") return Promise.resolve();
  return new Promise((resolve) => {
    for (const end of ["load", "error"]) link.addEventListener(end, resolve);
  });
}
