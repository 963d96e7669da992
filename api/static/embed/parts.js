/** Parts of the explorer that a frame of another page can show, and their controls. */

import { make } from "../sdk/dom.js";
import { mountImageInput } from "./image-input.js";

/**
 * @typedef {object} Frame
 * @property {HTMLElement} view Where the part is built.
 * @property {import("../sdk/client.js").Lightwell} lightwell
 * @property {Record<string, string>} given Settings.
 * @property {Set<string>} controls Controls that are shown.
 */
/**
 * @typedef {object} Part
 * @property {string} title
 * @property {string[]} controls Controls that it can have.
 * @property {(frame: Frame) => Promise<void>} build
 */

const METHODS = [
  "integrated_gradients", "gradient", "gradient_x_input", "smoothgrad", "occlusion", "grad_cam", "hirescam", "layer_cam",
];
const DEFAULT_BITS = "1011001110";

/** Parts by the last segment of the address. @type {Record<string, Part>} */
export const PARTS = {
  digit: { title: "The answer to a drawing", controls: ["pad", "samples"], build: digit },
  layer: { title: "Feature maps of a layer", controls: ["pad", "samples", "layer"], build: layer },
  attribution: { title: "Attribution of an answer to pixels", controls: ["pad", "samples", "method", "slider"], build: attribution },
  gates: { title: "Gates of a sequence, step by step", controls: ["sequence"], build: gates },
};

/** @param {Frame} frame */
async function digit(frame) {
  const bars = custom("lw-answer-bars", "answer");
  copy(frame, bars, ["model"]);
  await mountImageInput(frame, [bars]);
  frame.view.append(bars);
}

/** @param {Frame} frame */
async function layer(frame) {
  const maps = custom("lw-tensor-heatmap");
  copy(frame, maps, ["model", "layer", "channel"]);
  const answer = make("div", { class: "answer" }, maps);
  if (frame.controls.has("layer")) {
    const { layers } = await frame.lightwell.get(`/models/${frame.given.model ?? "cnn"}`);
    const names = layers.map((/** @type {{ name: string }} */ one) => one.name);
    const first = layers.find((/** @type {{ kind: string }} */ one) => one.kind === "post_activation") ?? layers[0];
    const show = (/** @type {string} */ name) => maps.setAttribute("layer", name);
    const shown = frame.given.layer ?? first.name;
    show(shown);
    answer.prepend(choice("Layer", names, shown, show));
  }
  await mountImageInput(frame, [maps]);
  frame.view.append(answer);
}

/** @param {Frame} frame */
async function attribution(frame) {
  const map = custom("lw-attribution");
  copy(frame, map, ["model", "method", "target"]);
  if (!frame.controls.has("slider")) map.setAttribute("bare", "");
  const answer = make("div", { class: "answer" }, map);
  if (frame.controls.has("method")) {
    const chosen = frame.given.method ?? METHODS[0];
    answer.prepend(choice("Method", METHODS, chosen, (name) => map.setAttribute("method", name)));
  }
  await mountImageInput(frame, [map]);
  frame.view.append(answer);
}

/** @param {Frame} frame */
async function gates(frame) {
  const trace = custom("lw-gate-trace", "answer");
  copy(frame, trace, ["model", "values", "units", "cmap"]);
  const sequence = frame.given.sequence ?? DEFAULT_BITS;
  trace.setAttribute("sequence", sequence);
  if (frame.controls.has("sequence")) {
    const field = make("input", { type: "text", value: sequence, spellcheck: false, autocomplete: "off" });
    field.addEventListener("input", () => trace.setAttribute("sequence", field.value));
    frame.view.append(make("label", {}, "Sequence, oldest step first", field));
  }
  frame.view.append(trace);
}

/** Make a custom element of the SDK. @param {string} name @param {string} [className] */
function custom(name, className = "") {
  return Object.assign(document.createElement(name), { className });
}

/** Copy settings to attributes of an element. @param {Frame} frame @param {Element} element @param {string[]} names */
function copy({ given }, element, names) {
  for (const name of names) if (given[name]) element.setAttribute(name, given[name]);
}

/**
 * Make a labelled list to choose from.
 * @param {string} title
 * @param {string[]} names
 * @param {string} chosen
 * @param {(name: string) => void} choose
 */
function choice(title, names, chosen, choose) {
  const list = make("select", {}, ...names.map((name) => make("option", { value: name, selected: name === chosen }, name.replaceAll("_", " "))));
  list.addEventListener("change", () => choose(list.value));
  return make("label", {}, title, list);
}
