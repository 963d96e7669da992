/** Finder menu: opens the field that finds units by what they respond to or follow, which is loaded then. */

import { make } from "../sdk/dom.js";
import { closeWhenLeft } from "./downloads.js";

/**
 * Make the menu; a question in the address opens it.
 * @param {import("./context.js").Context} context
 * @param {"find" | "findUnit"} key State value with the question.
 * @param {string} noun Of a unit: channel or unit.
 * @param {() => Promise<import("./find/questions.js").Question[]>} load Loads the questions that the network's units answer.
 */
export function finderMenu(context, key, noun, load) {
  const { store } = context;
  const box = make("div", { class: "menu" });
  const menu = make("details", { class: "downloads finder" }, make("summary", {}, `Find a ${noun}`), box);
  let isLoaded = false;
  menu.addEventListener("toggle", async () => {
    if (!menu.open) return store.set({ [key]: "" });
    if (isLoaded) return box.querySelector("input")?.focus();
    isLoaded = true;
    try {
      const [{ mountFinder }, questions] = await Promise.all([import("./find/finder.js"), load()]);
      mountFinder(context, box, key, noun, questions);
    } catch (error) {
      isLoaded = false;
      box.textContent = /** @type {Error} */ (error).message;
    }
  });
  closeWhenLeft(menu);
  store.on([key], (state) => {
    if (state[key]) menu.open = true;
  });
  return menu;
}
