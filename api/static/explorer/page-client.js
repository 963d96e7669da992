/** Page client: requests of the page, which asks for the server's token, says why an answer takes long, and waits for a server that is gone. */

import { Lightwell, LightwellError } from "../sdk/client.js";
import { setElementClient } from "../sdk/server-element.js";
import { untilReachable } from "./unreachable.js";
import { showWait } from "./waiting-note.js";

/** Client that repeats a request after a 401, when it has the token, and after no answer, when the server is back. */
class PageClient extends Lightwell {
  /** Whether the server needs a token, as far as the page knows. */
  needsToken = false;
  /** @type {Promise<void> | null} */
  #form = null;
  /** Times that the token was entered: a request that was sent before the last one is repeated without the form. */
  #entries = 0;

  /**
   * @override
   * @param {string} path
   * @param {import("../sdk/client.js").RequestOptions} [options]
   */
  async request(path, options = {}) {
    for (;;) {
      const entries = this.#entries;
      try {
        const response = await super.request(path, options);
        // Caches may share the answers of a server without a token alone.
        this.needsToken ||= /\bprivate\b/.test(response.headers.get("Cache-Control") ?? "");
        return response;
      } catch (error) {
        if (!(error instanceof LightwellError)) throw error;
        if (error.status === 0) {
          await unlessAborted(untilReachable(this.server), options.signal);
          continue;
        }
        if (error.kind !== "unauthorised") throw error;
        this.needsToken = true;
        if (entries === this.#entries) await unlessAborted(this.#enterToken(), options.signal);
      }
    }
  }

  /** Ask for the token once, however many requests wait for it. */
  #enterToken() {
    // Loaded when it is needed: most servers have no token, and the first load stays small.
    this.#form ??= import("./token-form.js")
      .then(({ askForToken }) => askForToken(this.server))
      .then(() => void (this.#entries += 1))
      .finally(() => (this.#form = null));
    return this.#form;
  }
}

/**
 * Wait for a promise, but no longer than until a signal is aborted.
 * @param {Promise<void>} promise
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
function unlessAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal?.aborted) reject(signal.reason);
    promise.then(resolve, reject);
  });
}

/** Client of the whole page, its elements included. */
export const lightwell = new PageClient(undefined, { onwait: showWait });
setElementClient(lightwell);

/** Address of a path of the server, which may be mounted below another path. @param {string} path */
export function addressOf(path) {
  return lightwell.server + path;
}

/** Path of an address of the server. @param {string} address */
export function pathOf(address) {
  return address.slice(lightwell.server.length);
}
