/** Findings: claims about the two networks, each with the measurement that supports or refutes it. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { COMPILING, retryWhileCompiling } from "./retry.js";

/**
 * @typedef {object} Finding
 * @property {string} key
 * @property {string} statement
 * @property {string} model
 * @property {boolean} supported
 * @property {number} value
 * @property {number} least
 * @property {number} reference
 * @property {string} unit
 * @property {string} measured
 * @property {string} request
 * @property {string} picture
 */

/**
 * Fill the chapter `findings`.
 * @param {import("./context.js").Context} context
 */
export async function mountFindings({ lightwell }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("findings-body"));
  const { signal } = new AbortController();
  const wait = () => (body.textContent = COMPILING);
  const { findings } = await retryWhileCompiling(() => lightwell.get("/findings"), signal, wait);
  body.replaceChildren(...findings.map(card));
}

/** @param {Finding} finding */
function card({ statement, supported, value, least, reference, unit, measured, request, picture }) {
  const verdict = supported ? "Supported by the measurement" : "Not supported by the measurement";
  const [found, needed, chance] = [value, least, reference].map((number) => formatNumber(number, 3));
  const image = make("img", { src: picture, alt: `Picture of the measurement: ${statement}`, loading: "lazy", class: "shown-picture" });
  return make(
    "article",
    { class: "panel finding" },
    make("h2", {}, statement),
    make("p", { class: `verdict ${supported ? "yes" : "no"}` }, verdict),
    make("p", { class: "number" }, `${found} (${unit}); supported from ${needed} on; chance or untrained network: ${chance}`),
    make("p", { class: "explain" }, measured),
    make("p", { class: "quiet" }, "Measure again: ", make("a", { href: request }, `GET ${request}`)),
    make("a", { href: picture }, image),
  );
}
