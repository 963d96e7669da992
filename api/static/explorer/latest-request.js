/**
 * Latest request: a new request aborts the pending one, so that a late response never replaces a newer one. The choice of
 * another network aborts it, too. Content of an older request is dimmed until the response is there.
 */

/**
 * Make a function that sends a request and shows its response, unless it is called again before.
 * @template Query, Response
 * @param {{ signal: AbortSignal }} context Of the chapter: once it is left, no request is sent and no response shown.
 * @param {(query: Query, signal: AbortSignal) => Promise<Response>} send
 * @param {(response: Response, query: Query) => void} show
 * @param {(error: Error) => void} fail
 * @param {Element | null} [shown] Element with the response, dimmed while a newer one is awaited, and after an error.
 * @returns {((query: Query) => Promise<void>) & { cancel: () => void }} `cancel` aborts the pending request.
 */
export function latestRequest(context, send, show, fail, shown = null) {
  let controller = new AbortController();
  const cancel = () => controller.abort();
  context.signal.addEventListener("abort", cancel);
  const request = async (/** @type {Query} */ query) => {
    cancel();
    if (context.signal.aborted) return;
    const { signal } = (controller = new AbortController());
    shown?.classList.add("is-stale");
    try {
      const response = await send(query, signal);
      if (signal.aborted) return;
      shown?.classList.remove("is-stale");
      show(response, query);
    } catch (error) {
      if (!signal.aborted) fail(/** @type {Error} */ (error));
    }
  };
  return Object.assign(request, { cancel });
}
