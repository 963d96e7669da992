/** Downloads: the tensors of a panel as JSON or CSV, and the server's answer as PNG, SVG, PDF or NPZ. */

import { make } from "../sdk/dom.js";
import { lightwell } from "./page-client.js";

/** @typedef {import("./context.js").View} View */

/** @type {{ format: string, label: string, source: "server" | "tensor" }[]} */
const FORMATS = [
  { format: "png", label: "PNG", source: "server" },
  { format: "svg", label: "SVG", source: "server" },
  { format: "pdf", label: "PDF", source: "server" },
  { format: "json", label: "JSON", source: "tensor" },
  { format: "csv", label: "CSV", source: "tensor" },
  { format: "npz", label: "NPZ", source: "server" },
];

/**
 * Make a menu that saves the view of a panel as a file.
 * @param {() => View | null} describe The view on display; null before the first answer.
 * @returns {HTMLElement}
 */
export function downloads(describe) {
  const status = make("span", { role: "status", class: "quiet" });
  const menu = make("details", { class: "downloads" }, make("summary", {}, "Save"));
  const buttons = FORMATS.map(({ format, label, source }) => {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", async () => {
      const view = describe();
      try {
        const content = view && (await (source === "server" ? requestFile(view, format) : writeTensors(view, format)));
        status.textContent = content ? "" : "There is nothing to save yet.";
        if (!content) return;
        save(content, `${view.name}.${format}`);
        menu.open = false;
      } catch (error) {
        status.textContent = /** @type {Error} */ (error).message;
      }
    });
    return button;
  });
  menu.append(make("div", { class: "menu" }, ...buttons, status));
  closeWhenLeft(menu);
  return menu;
}

/**
 * Put a menu that saves the view of a panel into its header.
 * @param {Element} place In the panel.
 * @param {() => View | null} describe The view on display; null before the first answer.
 */
export function addDownloads(place, describe) {
  place.closest(".panel")?.querySelector("header")?.append(downloads(describe));
}

/**
 * Write the tensor of a view as a file, or all tensors of its answer where it has none of its own.
 * @param {View} view
 * @param {string} format `json` or `csv`.
 */
async function writeTensors(view, format) {
  if (view.tensor) return tensorFile(view.tensor, format);
  if (format === "json") return requestFile(view, format);
  const { model, probe, input, parameters, extra } = view;
  const { tensors } = await lightwell.ask(model, probe, { input, parameters, extra });
  const tables = Array.from(tensors.values(), (one) => `# ${one.name}\n${one.toCSV()}`);
  return new Blob([tables.join("\n")], { type: "text/csv" });
}

/**
 * Write a tensor as a file.
 * @param {import("../sdk/tensor.js").Tensor} tensor
 * @param {string} format `json` or `csv`.
 */
export function tensorFile(tensor, format) {
  if (format === "csv") return new Blob([tensor.toCSV()], { type: "text/csv" });
  const entry = { ...tensor.description, encoding: "nested", data: tensor.toNested() };
  return new Blob([JSON.stringify(entry)], { type: "application/json" });
}

/**
 * Request a view from the server in one of its formats.
 * @param {View} view
 * @param {string} format
 */
function requestFile({ model, probe, input, parameters, extra }, format) {
  return lightwell.download(model, probe, format, { input, parameters, extra });
}

/**
 * Save a file in the browser's download folder.
 * @param {Blob} content
 * @param {string} name
 */
export function save(content, name) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: name }).click();
  // The browser reads the address some time after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Close a menu on Escape, and when focus or a click goes elsewhere; <details> alone does neither.
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
  const closeOutside = (/** @type {PointerEvent} */ { target }) => {
    if (menu.contains(/** @type {Node} */ (target))) return;
    menu.open = false;
    // A menu that has left the page has no `toggle` event.
    if (!menu.isConnected) document.removeEventListener("pointerdown", closeOutside);
  };
  // While it is open: a listener of the document would keep the menu, and the chapter around it.
  menu.addEventListener("toggle", () => {
    if (menu.open) document.addEventListener("pointerdown", closeOutside);
    else document.removeEventListener("pointerdown", closeOutside);
  });
}
