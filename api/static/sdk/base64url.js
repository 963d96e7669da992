/** Bytes as text for an address: base64 with the two characters that addresses allow, unpadded. */

/**
 * Write bytes as text.
 * @param {Uint8Array} bytes
 */
export function toBase64url(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Read such bytes again; null where the text holds none.
 * @param {string} text
 * @returns {Uint8Array | null}
 */
export function fromBase64url(text) {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
