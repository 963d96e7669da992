/** Retry: repeat a request while the server compiles the program that answers it. */

import { pause } from "/sdk/repeats.js";

/** Wait for an answer after which the page says why it may take long. */
const NOTICE_MS = 2000;
/** Most repetitions after a deadline: a large network compiles for longer than one. */
const MOST_DEADLINES = 6;

/**
 * Send a request, and repeat it after `Retry-After` while the response is the problem `warming`, or `deadline`, which a
 * network's first analysis may meet while it is compiled.
 * @template Response
 * @param {() => Promise<Response>} send
 * @param {AbortSignal} signal
 * @param {() => void} waiting Called after each such response, and once an answer takes long.
 * @returns {Promise<Response>}
 */
export async function retryWhileCompiling(send, signal, waiting) {
  for (let deadlines = 0; ; ) {
    const notice = setTimeout(() => signal.aborted || waiting(), NOTICE_MS);
    try {
      return await send();
    } catch (error) {
      const { kind, retryAfter } = /** @type {import("/sdk/client.js").LightwellError} */ (error);
      if (kind === "deadline") deadlines += 1;
      const isCompiling = kind === "warming" || (kind === "deadline" && deadlines <= MOST_DEADLINES);
      if (!isCompiling || signal.aborted) throw error;
      waiting();
      await pause(Math.max(1, retryAfter ?? 1), signal);
    } finally {
      clearTimeout(notice);
    }
  }
}

export const COMPILING = "The first request for an analysis waits while the server compiles it; the result appears when it is done.";
