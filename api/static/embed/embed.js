/**
 * Embedded view: one part of the explorer, in a frame of another page.
 *
 * The path is the part (`/embed/digit`), the query its settings: `controls`, `model`, `sample`, `sequence`, `layer`,
 * `channel`, `method`, `target`, `values`, `units`, `theme`. The fragment `#token=…` has the token of the server. The
 * height is sent to the page around the frame, as a message `{ type: "lightwell-height", height }`.
 */

import { make } from "../sdk/dom.js";
import { Lightwell, setElementClient } from "../sdk/lightwell.js";
import { PARTS } from "./parts.js";

const SETTINGS = [
  "controls", "model", "sample", "sequence", "layer", "channel", "method", "target", "values", "units", "cmap", "theme",
];

/** Root of the server: the folder above this one, which a proxy may have moved. */
const server = new URL("..", location.href).href;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const lightwell = new Lightwell(server, { token });
const view = /** @type {HTMLElement} */ (document.getElementById("view"));

/**
 * Settings of the view.
 * @returns {Record<string, string>}
 * @throws {RangeError} A parameter is none of them.
 */
function settings() {
  const given = Array.from(new URLSearchParams(location.search)).filter(([name]) => name !== "v");
  const unknown = given.map(([name]) => name).find((name) => !SETTINGS.includes(name));
  if (unknown) throw new RangeError(`“${unknown}” is not a setting of this view; it takes ${SETTINGS.join(", ")}.`);
  return Object.fromEntries(given);
}

/**
 * Controls of a part that are shown: those of the setting, or all.
 * @param {string | undefined} setting
 * @param {readonly string[]} possible
 */
function controlsOf(setting, possible) {
  if (setting === undefined) return new Set(possible);
  const wanted = setting.split(",").filter((name) => name && name !== "none");
  const unknown = wanted.find((name) => !possible.includes(name));
  if (unknown) throw new RangeError(`“${unknown}” is not a control of this view; it has ${possible.join(", ")}, or none.`);
  return new Set(wanted);
}

async function open() {
  setElementClient(lightwell);
  const given = settings();
  if (given.theme) document.documentElement.dataset.theme = given.theme;
  const part = PARTS[location.pathname.split("/").pop() ?? ""];
  document.title = part.title;
  await part.build({ view, lightwell, given, controls: controlsOf(given.controls, part.controls) });
  view.append(make("footer", {}, "Drawn by ", make("a", { href: server, target: "_blank", rel: "noopener" }, "Lightwell")));
}

open().catch((error) => view.replaceChildren(make("p", { class: "note", role: "alert" }, error.message)));

new ResizeObserver(() => {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  parent.postMessage({ type: "lightwell-height", height }, "*");
}).observe(document.body);
