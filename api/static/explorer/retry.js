/** Retry: repeat a request while the server compiles the program that answers it. */

const RETRY_MS = 1000;

/**
 * Send a request, and repeat it every second while the response is the problem `warming`.
 * @template Response
 * @param {() => Promise<Response>} send
 * @param {AbortSignal} signal
 * @param {() => void} waiting Called after each such response.
 * @returns {Promise<Response>}
 */
export async function retryWhileCompiling(send, signal, waiting) {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      const { kind } = /** @type {import("/sdk/client.js").LightwellError} */ (error);
      if (kind !== "warming" || signal.aborted) throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export const COMPILING = "The server is compiling this analysis; the result appears when it is done.";
