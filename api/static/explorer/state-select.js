/** State select: a <select> element bound to one value of the state. */

import { make } from "/sdk/dom.js";

/**
 * Make a labelled <select> whose choice is a value of the state.
 * @template {import("./state.js").Key} K
 * @param {import("./state.js").Store} store
 * @param {K} key
 * @param {string} label
 * @param {(readonly [import("./state.js").State[K], string])[]} choices Values with their labels.
 * @returns {HTMLLabelElement}
 */
export function stateSelect(store, key, label, choices) {
  const select = make("select", { id: `choose-${key}` });
  select.append(...choices.map(([value, text]) => make("option", { value: String(value) }, text)));
  select.addEventListener("change", () => {
    const picked = choices.find(([value]) => String(value) === select.value);
    if (picked) store.set(/** @type {any} */ ({ [key]: picked[0] }));
  });
  store.on([key], (state) => (select.value = String(state[key])));
  return make("label", { class: "choice" }, label, select);
}
