/** Ways to compare: chips that choose what differs between the sides A and B, and the controls of the chosen way. */

import { make } from "../../sdk/dom.js";

/** @typedef {import("../state.js").State} State */
/**
 * @typedef {object} Way
 * @property {string} by Value of the state.
 * @property {string} name
 * @property {string} says What differs, in a sentence.
 * @property {HTMLElement} controls Choose B.
 */

/**
 * Make the chips and the controls.
 * @param {import("../store.js").StateStore} store
 * @param {"compareBy" | "sequenceCompareBy"} key
 * @param {Way[]} ways Those that a network has.
 * @param {Partial<State>} cleared State values of B that another way begins with.
 */
export function waysToCompare(store, key, ways, cleared) {
  const chips = ways.map(({ by, name }) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => store.set({ ...cleared, [key]: by }));
    return chip;
  });
  const says = make("p", { class: "quiet" });
  const group = make("div", { class: "chips", role: "group", "aria-label": "Compare with" }, ...chips);
  const controls = make("div", { class: "compare-controls" }, ...ways.map((way) => way.controls));
  store.on([key], (state) => {
    const chosen = wayOf(ways, state[key]);
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(ways[at] === chosen)));
    for (const way of ways) way.controls.hidden = way !== chosen;
    says.textContent = chosen.says;
  });
  return make("div", { class: "compare-ways" }, group, controls, says);
}

/** Way of a state; the first where it names none. @param {Way[]} ways @param {string} by @returns {Way} */
export function wayOf(ways, by) {
  return ways.find((way) => way.by === by) ?? ways[0];
}
