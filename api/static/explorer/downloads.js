/** Downloads: what a panel shows, as a file. Pictures and arrays come from the server as they are. */

import { make } from "/sdk/dom.js";
import { Lightwell } from "/sdk/client.js";

/** @typedef {import("./context.js").View} View */

/** @type {{ format: string, said: string, of: "server" | "tensor" }[]} */
const FORMATS = [
  { format: "png", said: "PNG", of: "server" },
  { format: "json", said: "JSON", of: "tensor" },
  { format: "csv", said: "CSV", of: "tensor" },
  { format: "npz", said: "NPZ", of: "server" },
];

const lightwell = new Lightwell();

/**
 * Make a menu that saves what a panel shows.
 * @param {() => View | null} describe Asked when somebody chooses; null where nothing is shown yet.
 * @returns {HTMLElement}
 */
export function downloads(describe) {
  const said = make("span", { role: "status", class: "quiet" });
  const menu = make("details", { class: "downloads" }, make("summary", {}, "Save"));
  const buttons = FORMATS.map(({ format, said: name, of }) => {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", async () => {
      const view = describe();
      try {
        const content = view && (await (of === "server" ? fetched(view, format) : written(view, format)));
        said.textContent = content ? "" : "There is nothing to save here yet.";
        if (!content) return;
        save(content, `${view.name}.${format}`);
        menu.open = false;
      } catch (error) {
        said.textContent = /** @type {Error} */ (error).message;
      }
    });
    return button;
  });
  menu.append(make("div", { class: "menu" }, ...buttons, said));
  closeWhenLeft(menu);
  return menu;
}

/**
 * Write the tensor of a view; null where it shows none.
 * @param {View} view
 * @param {string} format
 */
function written({ tensor }, format) {
  return tensor ? tensorFile(tensor, format) : null;
}

/**
 * Write a tensor as a file.
 * @param {import("/sdk/tensor.js").Tensor} tensor
 * @param {string} format `json` or `csv`.
 */
export function tensorFile(tensor, format) {
  if (format === "csv") return new Blob([tensor.toCSV()], { type: "text/csv" });
  const entry = { ...tensor.description, encoding: "nested", data: tensor.toNested() };
  return new Blob([JSON.stringify(entry)], { type: "application/json" });
}

/**
 * Ask the server for a view in its own forms.
 * @param {View} view
 * @param {string} format
 */
function fetched({ model, probe, input, parameters }, format) {
  return lightwell.download(model, probe, format, { input, parameters });
}

/**
 * Hand a file to the browser.
 * @param {Blob} content
 * @param {string} name
 */
export function save(content, name) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Close a menu on Escape, and when the focus or a click goes elsewhere.
 * @param {HTMLDetailsElement} menu
 */
export function closeWhenLeft(menu) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(/** @type {Node} */ (relatedTarget))) menu.open = false;
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!menu.contains(/** @type {Node} */ (target))) menu.open = false;
  });
}
