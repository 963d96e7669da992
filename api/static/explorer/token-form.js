/** Token form: asks for the server's token, for which the server sets a cookie that scripts cannot read. */

import { Lightwell, LightwellError } from "../sdk/client.js";
import { make } from "../sdk/dom.js";

/** Request that needs the cookie, and computes nothing. */
const GUARDED = { path: "/signed", parameters: { path: "/" } };
/** Seconds of retries of the form's requests: its errors are shown at once. */
const RETRY_SECONDS = 0;

/**
 * Ask for the token until the server takes one; the rest of the page stays as it is, and usable.
 * @param {string} server
 * @returns {Promise<void>}
 */
export function askForToken(server) {
  const before = document.activeElement;
  const { dialog, form, input, button, showError } = tokenForm();
  document.getElementById("main")?.before(dialog);
  input.focus({ preventScroll: true });
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      showError("");
      try {
        await signIn(server, input.value.trim());
        dialog.remove();
        if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
        resolve();
      } catch (error) {
        showError(/** @type {Error} */ (error).message);
        input.select();
      } finally {
        button.disabled = false;
      }
    });
  });
}

/** Make the form. Its field has no name, so that an address never gets the token, even without this script. */
function tokenForm() {
  const input = make("input", {
    type: "password",
    id: "token",
    required: true,
    autocomplete: "current-password",
    spellcheck: false,
    "aria-describedby": "token-about token-error",
  });
  const button = make("button", { type: "submit" }, "Continue");
  const error = make("p", { id: "token-error", class: "warning", role: "alert", hidden: true });
  const about = make("p", { id: "token-about", class: "quiet" }, "Ask the person who started it. Your drawing is kept.");
  const form = make("form", {}, make("label", { htmlFor: "token" }, "Token"), make("div", { class: "row" }, input, button), error);
  const title = make("h2", { id: "token-title" }, "This server needs a token");
  const dialog = make("section", { class: "token-form", role: "dialog", "aria-labelledby": "token-title" }, title, about, form);
  /** @param {string} text */
  function showError(text) {
    error.textContent = text;
    error.hidden = !text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
  }
  return { dialog, form, input, button, showError };
}

/**
 * Send the token in a header, for which the server sets its cookie: no address, history or log gets the token.
 * @param {string} server
 * @param {string} token
 * @throws {Error} In a sentence for the form.
 */
async function signIn(server, token) {
  try {
    await new Lightwell(server, { token, retrySeconds: RETRY_SECONDS }).request("/", { input: new Blob() });
  } catch (error) {
    throw new Error(refusalOf(/** @type {Error} */ (error)), { cause: error });
  }
  if (await isRefused(server)) {
    throw new Error("The token is right, but this browser keeps no cookie of the server. Allow its cookies, and try again.");
  }
}

/** Whether the server refuses requests without a token in their header. @param {string} server */
async function isRefused(server) {
  try {
    await new Lightwell(server, { retrySeconds: RETRY_SECONDS }).request(GUARDED.path, GUARDED);
    return false;
  } catch (error) {
    return error instanceof LightwellError && error.status === 401;
  }
}

/** Sentence for the error of a token. @param {Error} error */
function refusalOf(error) {
  if (!(error instanceof LightwellError)) return error.message;
  if (error.status === 401) return "This is not a token of this server.";
  const again = error.retryAfter === null ? "" : ` Try again in ${Math.ceil(error.retryAfter)} s.`;
  return error.message + again;
}
