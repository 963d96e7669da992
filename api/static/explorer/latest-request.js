/** Latest request: a new request aborts the pending one, so that a late response never replaces a newer one. */

/**
 * Make a function that sends a request and shows its response, unless it is called again before.
 * @template Query, Response
 * @param {(query: Query, signal: AbortSignal) => Promise<Response>} send
 * @param {(response: Response, query: Query) => void} show
 * @param {(error: Error) => void} fail
 * @returns {(query: Query) => Promise<void>}
 */
export function latestRequest(send, show, fail) {
  let controller = new AbortController();
  return async (query) => {
    controller.abort();
    const { signal } = (controller = new AbortController());
    try {
      const response = await send(query, signal);
      if (!signal.aborted) show(response, query);
    } catch (error) {
      if (!signal.aborted) fail(/** @type {Error} */ (error));
    }
  };
}
