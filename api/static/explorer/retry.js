/** Patience: a panel is filled when somebody comes near it, and asks again while programs compile. */

const RETRY_MS = 1000;

/**
 * Ask again while the server says that it still compiles what answers this.
 * @template Given
 * @param {() => Promise<Given>} ask
 * @param {AbortSignal} signal
 * @param {() => void} waiting Called whenever it says so.
 * @returns {Promise<Given>}
 */
export async function retryWhileCompiling(ask, signal, waiting) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const { kind } = /** @type {import("/sdk/client.js").LightwellError} */ (error);
      if (kind !== "warming" || signal.aborted) throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export const COMPILING = "The programs of this analysis are being compiled; it goes on when they are.";
