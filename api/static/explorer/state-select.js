/** State select: a <select> element bound to one value of the state. */

import { make } from "../sdk/dom.js";

/**
 * Make a labelled <select> whose choice is a value of the state.
 * @template {import("./state.js").Key} K
 * @param {import("./store.js").StateStore} store
 * @param {K} key
 * @param {string} label
 * @param {(readonly [import("./state.js").State[K], string])[]} choices Values with their labels.
 * @param {import("./state.js").State[K]} [fallback] Choice that is shown for a state that is none; the first where left out.
 * @returns {HTMLLabelElement}
 */
export function stateSelect(store, key, label, choices, fallback = choices[0]?.[0]) {
  const select = make("select", { id: `choose-${key}` });
  select.append(...choices.map(([value, text]) => make("option", { value: String(value) }, text)));
  select.addEventListener("change", () => {
    const picked = choices.find(([value]) => String(value) === select.value);
    if (picked) store.set(/** @type {any} */ ({ [key]: picked[0] }));
  });
  const known = choices.map(([value]) => value);
  store.on([key], (state) => (select.value = String(known.includes(state[key]) ? state[key] : fallback)));
  return make("label", { class: "choice" }, label, select);
}
