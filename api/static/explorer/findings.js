/** Findings: claims about networks, each with the measurement that supports or refutes it. */

import { make } from "../sdk/dom.js";
import { formatNumber } from "../sdk/number-format.js";
import { requestFigure } from "./analyses.js";
import { addDownloads } from "./downloads.js";
import { addressOf } from "./page-client.js";
import { COMPILING, retryWhileCompiling } from "./retry.js";

/**
 * @typedef {object} Finding
 * @property {string} key
 * @property {string} statement
 * @property {string} model
 * @property {boolean} supported
 * @property {boolean} architectural
 * @property {string} why
 * @property {number} value
 * @property {number} least
 * @property {number} reference
 * @property {number} reference_low
 * @property {number} reference_high
 * @property {number} references
 * @property {string} unit
 * @property {string} measured
 * @property {string} request
 * @property {string} picture
 */

/**
 * Fill the chapter `findings`.
 * @param {{ lightwell: import("../sdk/client.js").Lightwell, models: import("./context.js").Model[] }} page
 */
export async function mountFindings({ lightwell, models }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("findings-body"));
  const { signal } = new AbortController();
  const wait = () => (body.textContent = COMPILING);
  const { findings } = await retryWhileCompiling("/findings", () => lightwell.get("/findings"), signal, wait);
  const cards = /** @type {Finding[]} */ (findings).map((one) =>
    card(one, otherWeights(models.find(({ name }) => name === one.model)?.checkpoints ?? [])),
  );
  body.replaceChildren(...cards.map(({ element }) => element));
  // All of them, so that a print has each.
  await Promise.all(
    cards.map(async ({ drawn }, at) => {
      drawn.replaceChildren(await measurement(lightwell, findings[at], signal).catch((error) => error.message));
    }),
  );
}

/**
 * Names of the untrained network, the first checkpoint, and of weights of another training.
 * @param {string[]} checkpoints
 */
function otherWeights(checkpoints) {
  return checkpoints.filter((name, at) => at === 0 || !name.startsWith("round-"));
}

/**
 * View of a finding's measurement.
 * @param {Finding} finding
 * @returns {import("./context.js").View}
 */
function viewOf({ key, model, request }) {
  const { pathname, searchParams } = new URL(request, location.origin);
  const probe = /** @type {string} */ (pathname.split("/").at(-1));
  return { name: `${model}-${key}`, model, probe, parameters: Object.fromEntries(searchParams) };
}

/**
 * Draw the measurement of a finding.
 * @param {import("../sdk/client.js").Lightwell} lightwell
 * @param {Finding} finding
 * @param {AbortSignal} signal
 */
function measurement(lightwell, finding, signal) {
  const { model, probe, parameters } = viewOf(finding);
  return requestFigure(lightwell, model, probe, { parameters, signal, waiting: () => {}, isNamed: true });
}

/**
 * @param {Finding} finding
 * @param {string[]} others
 */
function card(finding, others) {
  const { statement, supported, why, measured, request, picture } = finding;
  const drawn = make("div", { class: "body measurement" });
  const element = make(
    "article",
    { class: "panel finding" },
    make("header", {}, make("h2", {}, statement)),
    make("p", { class: `verdict ${supported ? "yes" : "no"}` }, verdict(finding)),
    make("p", { class: "number" }, numbers(finding)),
    why && make("p", { class: "why" }, why),
    make("p", { class: "explain" }, measured),
    make("p", { class: "quiet" }, "Measure again: ", make("a", { href: addressOf(request) }, `GET ${request}`)),
    others.length ? make("p", { class: "quiet" }, "Of other weights:", ...others.flatMap((name) => [" ", make("a", { href: addressOf(`${picture}&checkpoint=${name}`) }, name)])) : "",
    drawn,
  );
  addDownloads(drawn, () => viewOf(finding));
  return { element, drawn };
}

/** @param {Finding} finding */
function verdict({ supported, architectural }) {
  if (supported) return "Supported by the measurement";
  return architectural ? "Follows from the architecture alone, not learned" : "Not supported by the measurement";
}

/** @param {Finding} finding */
function numbers({ value, least, unit, reference, reference_low, reference_high, references }) {
  const [found, needed] = [value, least].map((number) => formatNumber(number, 3));
  // Three decimals: of references next to zero, more digits would tell nothing.
  const [mean, low, high] = [reference, reference_low, reference_high].map((number) => formatNumber(Math.round(1000 * number) / 1000, 3));
  const spread = references > 1 ? `${references} references: mean ${mean}, ${low} to ${high}` : `reference: ${mean}`;
  return `${found} (${unit}); supported from ${needed} on; ${spread}`;
}
