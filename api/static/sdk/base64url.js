/** Base64url without padding (RFC 4648, section 5): bytes as text for the fragment of a URL. */

/**
 * Encode bytes.
 * @param {Uint8Array} bytes
 */
export function toBase64url(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Decode bytes; null where the text is not base64url.
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
