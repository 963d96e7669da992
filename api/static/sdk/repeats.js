/** Repeats: pauses before a request that a server refused for now is sent again. */

/** Statuses of responses after which a request is repeated: too many requests, and unavailable for now. */
const REPEATED = [429, 503];
/** Shortest pause, in seconds: a client sends no request more often than once a second while it is refused. */
const SHORTEST = 1;
/** Largest share by which a pause is lengthened, at random, so that refused clients do not return together. */
const JITTER = 0.25;

/**
 * Parse the header `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
 * @param {string | null} text
 * @returns {number | null} Seconds from now; null where the header is missing or neither of them.
 */
export function retryAfterOf(text) {
  if (!text) return null;
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

/**
 * Pause before a refused request is sent again.
 * @param {{ status: number, retryAfter: number | null }} error
 * @param {number} repeats Repeats until now: without `Retry-After`, each pause is twice the one before.
 * @param {number} left Seconds that the pauses of this request may still take.
 * @returns {number | null} Seconds; null where the request is not to be repeated.
 */
export function pauseAfter({ status, retryAfter }, repeats, left) {
  const least = Math.max(SHORTEST, retryAfter ?? 2 ** repeats);
  if (!REPEATED.includes(status) || least > left) return null;
  return Math.min(least * (1 + JITTER * Math.random()), left);
}

/**
 * Wait for some time.
 * @param {number} seconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 * @throws {any} The signal's reason, as soon as it is aborted.
 */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, 1000 * seconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
