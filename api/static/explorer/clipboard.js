/** Clipboard of the browser. */

/**
 * Copy a text to the clipboard; false where the browser refuses, as it does without HTTPS.
 * @param {string} text
 */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
