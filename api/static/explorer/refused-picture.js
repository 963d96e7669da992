/** Refused picture: an <img> of the server is loaded again when a request has found out why it failed. */

import { lightwell, pathOf } from "./page-client.js";
import { retryWhileCompiling } from "./retry.js";

/** Most failures of one picture in a row: a browser may fail to show one that the server sends. */
const MOST_FAILURES = 3;

/**
 * @typedef {object} Reactions
 * @property {() => void} [waiting] Called while the server compiles the analysis.
 * @property {(error: Error) => void} [fail] Called with the error of the server.
 */

/**
 * Load a picture again after a failure. An <img> has no token form, no pauses and no text of an error; the client has.
 * @param {HTMLImageElement} image With the address of a picture of the server as its `src`.
 * @param {AbortSignal} signal
 * @param {Reactions} [reactions]
 */
export function reloadWhenRefused(image, signal, { waiting = () => {}, fail = () => {} } = {}) {
  let failures = 0;
  image.addEventListener("load", () => (failures = 0));
  image.addEventListener("error", async () => {
    const address = image.getAttribute("src") ?? "";
    const path = pathOf(address);
    failures += 1;
    try {
      await retryWhileCompiling(analysisOf(path), async () => (await lightwell.request(path, { signal })).blob(), signal, waiting);
      if (failures > MOST_FAILURES) throw new Error("The browser could not load the picture.");
      if (image.getAttribute("src") === address) image.src = address;
    } catch (error) {
      if (!signal.aborted && image.getAttribute("src") === address) fail(/** @type {Error} */ (error));
    }
  });
}

/** Path of the analysis of a picture. @param {string} path With its query. */
function analysisOf(path) {
  return path.split("?")[0].replace(/\.png$/, "");
}
