/** DOM helpers of the custom elements and of the page: nodes, keys and style sheets. */

/**
 * Make an HTML element.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, any>} [properties] Set as properties; those with a dash, `role` and
 *   `class` as attributes.
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "class") element.setAttribute(key, value);
    else /** @type {any} */ (element)[key] = value;
  }
  element.append(...children);
  return element;
}

/**
 * Make an SVG element.
 * @param {string} name
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function makeSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Whether a key is part of a shortcut of the browser, such as Alt+Left or Ctrl+0. @param {KeyboardEvent} event */
export function isShortcut({ ctrlKey, metaKey, altKey }) {
  return ctrlKey || metaKey || altKey;
}

/**
 * Make a style sheet for shadow roots. Constructed sheets are shared by all elements of a kind, and
 * unlike <style> elements they need no 'unsafe-inline' in the page's content security policy.
 * @param {string} text
 */
export function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

/** Custom properties by which a page restyles the elements, with their defaults. */
export const TOKENS = `
  :host {
    --_ink: var(--lw-ink, light-dark(#1e1c18, #ece8df));
    --_muted: var(--lw-muted, light-dark(#67625a, #a8a298));
    --_line: var(--lw-line, light-dark(#ddd8cd, #343843));
    --_panel: var(--lw-panel, light-dark(#ffffff, #1b1e27));
    --_accent: var(--lw-accent, light-dark(#c2410c, #ffb454));
    --_mono: var(--lw-mono, ui-monospace, "DejaVu Sans Mono", monospace);
    color: var(--_ink);
    font-family: var(--lw-font, system-ui, sans-serif);
  }
  :host([hidden]) { display: none; }
  @media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
`;
