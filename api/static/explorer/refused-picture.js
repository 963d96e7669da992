/** Refused picture: an <img> of the server is loaded again when a request has found out why it failed. */

import { lightwell } from "./page-client.js";
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
 * @param {HTMLImageElement} image With the path of a picture as its `src`.
 * @param {AbortSignal} signal
 * @param {Reactions} [reactions]
 */
export function reloadWhenRefused(image, signal, { waiting = () => {}, fail = () => {} } = {}) {
  let failures = 0;
  image.addEventListener("load", () => (failures = 0));
  image.addEventListener("error", async () => {
    const path = image.getAttribute("src") ?? "";
    failures += 1;
    try {
      await retryWhileCompiling(async () => (await lightwell.request(path, { signal })).blob(), signal, waiting);
      if (failures > MOST_FAILURES) throw new Error("The browser could not load the picture.");
      if (image.getAttribute("src") === path) image.src = path;
    } catch (error) {
      if (!signal.aborted && image.getAttribute("src") === path) fail(/** @type {Error} */ (error));
    }
  });
}
