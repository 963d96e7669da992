/** Only the latest question counts: an older one that is still on its way is dropped. */

/**
 * Make a function that asks again, aborting what it asked before.
 * @template Asked, Given
 * @param {(asked: Asked, signal: AbortSignal) => Promise<Given>} ask
 * @param {(given: Given, asked: Asked) => void} show
 * @param {(error: Error) => void} fail
 * @returns {(asked: Asked) => Promise<void>}
 */
export function latestRequest(ask, show, fail) {
  let controller = new AbortController();
  return async (asked) => {
    controller.abort();
    const { signal } = (controller = new AbortController());
    try {
      const given = await ask(asked, signal);
      if (!signal.aborted) show(given, asked);
    } catch (error) {
      if (!signal.aborted) fail(/** @type {Error} */ (error));
    }
  };
}
