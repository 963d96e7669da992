/** Tabs: several panels of a view in one place, of which one is shown; its name is a value of the state. */

import { isShortcut, make } from "../sdk/dom.js";

/**
 * Make tabs of the panels of a container, named by `data-tab`; without panels remove it.
 * @param {import("./context.js").Context} context
 * @param {"panel" | "sequencePanel"} key State value with the id of the visible panel.
 */
export function mountTabs({ root, store }, key) {
  const container = root.querySelector(".tabbed");
  const panels = /** @type {HTMLElement[]} */ (Array.from(container?.children ?? []));
  if (!container || !panels.length) {
    container?.remove();
    return;
  }
  const tabs = panels.map((panel) => {
    const tab = make("button", { type: "button", role: "tab", id: `tab-${panel.id}`, class: "tab" }, panel.dataset.tab ?? "");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => store.set({ [key]: panel.id }));
    return tab;
  });
  const list = make("div", { class: "tabs", role: "tablist", "aria-label": "More about this network" }, ...tabs);
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || next === undefined || isShortcut(event)) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    tab.click();
    tab.focus();
  });
  container.prepend(list);
  store.on([key], (state) => {
    const shown = panels.find(({ id }) => id === state[key]) ?? panels[0];
    panels.forEach((panel, at) => {
      panel.hidden = panel !== shown;
      tabs[at].setAttribute("aria-selected", String(panel === shown));
      tabs[at].tabIndex = panel === shown ? 0 : -1;
    });
    // Of a narrow list, which scrolls sideways, the tab comes into view; the page stays where it is.
    const tab = tabs[panels.indexOf(shown)];
    list.scrollLeft = tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
  });
}
