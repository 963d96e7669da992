/** Unreachable server: a banner while it does not answer, and the end of that state. */

import { make } from "../sdk/dom.js";
import { pause } from "../sdk/repeats.js";

/** Seconds between two questions whether the server is back. */
const PAUSE_S = 2;

const banner = make("p", { class: "gone", role: "alert", hidden: true });
document.body.prepend(banner); // before it has a text, so that screen readers know of it

/** @type {Promise<void> | null} */
let isBack = null;

/**
 * Wait until the server can be reached again; meanwhile a banner says that it cannot.
 * @param {string} server Its address.
 * @returns {Promise<void>}
 */
export function untilReachable(server) {
  isBack ??= ask(server).finally(() => (isBack = null));
  return isBack;
}

/** @param {string} server */
async function ask(server) {
  banner.textContent = "The server could not be reached. What is shown may be of another input; the page asks again until the server is back.";
  banner.hidden = false;
  document.body.classList.add("is-gone");
  do await pause(PAUSE_S);
  while (!(await answers(server)));
  banner.hidden = true;
  document.body.classList.remove("is-gone");
}

/** Whether anything answers at the address. @param {string} server */
async function answers(server) {
  try {
    await fetch(`${server}/livez`, { cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}
