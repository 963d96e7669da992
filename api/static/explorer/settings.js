/** Settings: colours, theme, and the link to exactly what is shown. */

import { copied } from "./request-code.js";

/**
 * Let the controls at the head of the page change the state.
 * @param {import("./context.js").Context} context
 */
export function mountSettings({ store, announce }) {
  for (const key of /** @type {const} */ (["palette", "range", "theme"])) {
    const control = /** @type {HTMLSelectElement} */ (document.getElementById(key));
    control.addEventListener("change", () => store.set({ [key]: control.value }));
    store.on([key], (state) => {
      const known = Array.from(control.options, (option) => option.value);
      // A link may say anything; what there is not, is as at first.
      if (known.includes(state[key])) control.value = state[key];
      else store.set({ [key]: known[0] });
    });
  }
  store.on(["theme"], ({ theme }) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  });
  const share = /** @type {HTMLButtonElement} */ (document.getElementById("share"));
  share.addEventListener("click", async () => {
    store.keep();
    const done = await copied(store.link);
    const said = done ? "Link copied" : "The link is in the address bar";
    share.textContent = said;
    announce(said);
    setTimeout(() => (share.textContent = "Share link"), 2000);
  });
}
