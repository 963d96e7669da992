/** Retry: repeat a request while the server compiles the program that answers it. */

import { pause } from "../sdk/repeats.js";

/** Wait for an answer after which the page says why it may take long. */
const NOTICE_MS = 2000;
/** Most repetitions after a deadline: a large network compiles for longer than one. */
const MOST_DEADLINES = 6;

/** Analyses that the server has answered, so that their programs are compiled. @type {Set<string>} */
const answered = new Set();
/** End of the last request for an analysis that was not answered before. @type {Promise<unknown>} */
let last = Promise.resolve();

/**
 * Send a request for an analysis, and repeat it after `Retry-After` while the response is the problem `warming`, or
 * `deadline`, which a network's first analysis may meet while it is compiled. First requests for analyses are sent one
 * after another: the server compiles one program at a time, and the last one of many would wait longer than it may.
 * @template Response
 * @param {string} analysis Path of the analysis.
 * @param {() => Promise<Response>} send
 * @param {AbortSignal} signal
 * @param {() => void} waiting Called after each such response, and once an answer takes long.
 * @returns {Promise<Response>}
 */
export async function retryWhileCompiling(analysis, send, signal, waiting) {
  if (answered.has(analysis)) return repeat(send, signal, waiting);
  const notice = setTimeout(() => signal.aborted || waiting(), NOTICE_MS);
  const turn = last.then(() => {
    clearTimeout(notice);
    signal.throwIfAborted();
    return repeat(send, signal, waiting);
  });
  last = turn.then(
    () => answered.add(analysis),
    () => {},
  );
  return turn;
}

/**
 * Send a request until the response is another one than that of a program that is compiled.
 * @template Response
 * @param {() => Promise<Response>} send
 * @param {AbortSignal} signal
 * @param {() => void} waiting
 * @returns {Promise<Response>}
 */
async function repeat(send, signal, waiting) {
  for (let deadlines = 0; ; ) {
    const notice = setTimeout(() => signal.aborted || waiting(), NOTICE_MS);
    try {
      return await send();
    } catch (error) {
      const { kind, retryAfter } = /** @type {import("../sdk/client.js").LightwellError} */ (error);
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
