/** Settings in the page's header: palette, colour range, theme, and the link to the current state. */

import { copied } from "./clipboard.js";

/**
 * Connect the controls of the header to the state.
 * @param {{ store: import("./store.js").StateStore, announce: (text: string) => void }} page
 */
export function mountSettings({ store, announce }) {
  for (const key of /** @type {const} */ (["palette", "range", "theme"])) {
    const control = /** @type {HTMLSelectElement} */ (document.getElementById(key));
    control.addEventListener("change", () => store.set({ [key]: control.value }));
    store.on([key], (state) => {
      const known = Array.from(control.options, (option) => option.value);
      // A link may hold any text: an unknown value is replaced by the first option.
      if (known.includes(state[key])) control.value = state[key];
      else store.set({ [key]: known[0] });
    });
  }
  store.on(["theme"], ({ theme }) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  });
  const fold = /** @type {HTMLButtonElement} */ (document.getElementById("settings-fold"));
  fold.addEventListener("click", () => fold.setAttribute("aria-expanded", String(fold.getAttribute("aria-expanded") !== "true")));
  const share = /** @type {HTMLButtonElement} */ (document.getElementById("share"));
  share.addEventListener("click", async () => {
    store.keep();
    const isCopied = await copied(store.link);
    const message = isCopied ? "Link copied" : "The link is in the address bar";
    share.textContent = message;
    announce(message);
    setTimeout(() => (share.textContent = "Share link"), 2000);
  });
}
