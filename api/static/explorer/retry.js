/** Retry: repeat a request while the server compiles the program that answers it. */

const RETRY_MS = 1000;
/** Most repetitions after a deadline: a large network compiles for longer than one. */
const MOST_DEADLINES = 6;

/**
 * Send a request, and repeat it every second while the response is the problem `warming`, or `deadline`, which a
 * network's first analysis may meet while it is compiled.
 * @template Response
 * @param {() => Promise<Response>} send
 * @param {AbortSignal} signal
 * @param {() => void} waiting Called after each such response.
 * @returns {Promise<Response>}
 */
export async function retryWhileCompiling(send, signal, waiting) {
  for (let deadlines = 0; ; ) {
    try {
      return await send();
    } catch (error) {
      const { kind } = /** @type {import("/sdk/client.js").LightwellError} */ (error);
      if (kind === "deadline") deadlines += 1;
      const isCompiling = kind === "warming" || (kind === "deadline" && deadlines <= MOST_DEADLINES);
      if (!isCompiling || signal.aborted) throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export const COMPILING = "The server is compiling this analysis; the result appears when it is done.";
