/**
 * Address: the fragment of the page's URL, which names a view and holds the values that differ from their defaults.
 *
 *     #digits  #sequences  #findings      a view
 *     #my-network                         the view of one resident network
 *     #sequences&sequence=110&step=2      with values
 *     #my-network&tour=4                  a step of the network's tour
 *
 * A fragment without a view, such as `#layer=relu2`, is a link of a page that had no views yet.
 */

import { DEFAULTS } from "./state.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Key} Key */
/** @typedef {Pick<import("./context.js").Model, "name" | "input">} Named */

/** Views of the page, in their order. */
export const VIEWS = /** @type {const} */ (["digits", "sequences", "findings"]);

/** State value with the network of a view. @type {Record<string, "imageModel" | "sequenceModel" | undefined>} */
export const NETWORK_OF = { digits: "imageModel", sequences: "sequenceModel" };

/** State values of every view. @type {Key[]} */
const COMMON = ["view", "palette", "range", "theme", "tour", "present"];

/** State values of the view `sequences`. @type {Key[]} */
const OF_SEQUENCES = [
  "sequenceModel", "sequence", "step", "unit", "findUnit", "order", "recurrent", "part", "bitMethod", "gateEdit", "gateUnits", "gateSteps",
  "counterView", "sequencePanel", "sequenceCheckpoint", "source", "patched", "weightsLayer",
  "sequenceCompareBy", "otherSequence", "otherUnit", "otherSequenceCheckpoint", "otherSequenceModel", "comparedValue",
];

/** State values that one view has for itself. @param {string} view @returns {Key[]} */
export function keysOf(view) {
  if (view === "sequences") return OF_SEQUENCES;
  const others = [...COMMON, ...OF_SEQUENCES];
  return view === "digits" ? /** @type {Key[]} */ (Object.keys(DEFAULTS)).filter((key) => !others.includes(key)) : [];
}

/** Defaults of the values that one view has for itself, but for its network. @param {string} view @returns {Partial<State>} */
export function defaultsOf(view) {
  return Object.fromEntries(keysOf(view).filter((key) => key !== NETWORK_OF[view]).map((key) => [key, DEFAULTS[key]]));
}

/**
 * Parse a fragment; missing and invalid values get their defaults.
 * @param {string} fragment
 * @param {Named[]} models Resident networks.
 * @returns {State} Its view is empty where the fragment names none.
 */
export function read(fragment, models) {
  const text = fragment.replace(/^#/, "");
  const [first] = text.split("&");
  const parameters = new URLSearchParams(hasView(text) ? text.slice(first.length + 1) : text);
  const entries = Object.entries(DEFAULTS).map(([key, fallback]) => [key, valueOf(parameters.get(key), fallback)]);
  const state = Object.fromEntries(entries);
  return { ...state, ...(hasView(text) ? placeOf(first, models) : oldPlace(parameters)) };
}

/** Whether a fragment names a view. @param {string} fragment */
export function hasView(fragment) {
  const [first] = fragment.replace(/^#/, "").split("&");
  return first !== "" && !first.includes("=");
}

/** Whether a fragment holds values. @param {string} fragment */
export function hasValues(fragment) {
  return fragment.includes("=");
}

/** @param {string | null} text @param {string | number | boolean} fallback */
function valueOf(text, fallback) {
  if (text === null) return fallback;
  if (typeof fallback === "boolean") return text === "true";
  if (typeof fallback === "number") return /^-?\d{1,5}$/.test(text) ? Number(text) : fallback;
  return text;
}

/** View of a name, with its network. @param {string} written @param {Named[]} models @returns {Partial<State>} */
function placeOf(written, models) {
  const [name] = new URLSearchParams(written).keys();
  const view = VIEWS.find((one) => one === name);
  if (view) return { view };
  const model = models.find((one) => one.name === name);
  if (!model) return { view: "" };
  return model.input === "image" ? { view: "digits", imageModel: name } : { view: "sequences", sequenceModel: name };
}

/** View of a link that names none: that of its values. @param {URLSearchParams} parameters @returns {Partial<State>} */
function oldPlace(parameters) {
  const has = (/** @type {Key} */ key) => parameters.has(key);
  const isOfSequences = OF_SEQUENCES.some(has) && !keysOf("digits").some(has);
  return {
    view: isOfSequences ? "sequences" : "",
    // Where a page had no views, the first channel was the default.
    ...(has("layer") && !has("channel") ? { channel: 0 } : {}),
    ...(parameters.get("compare") === "true" ? { panel: "compare" } : {}),
  };
}

/**
 * Write a state as a fragment: its view or network, and the other values that differ from their defaults.
 * @param {State} state
 */
export function write(state) {
  const key = NETWORK_OF[state.view];
  const network = key ? state[key] : "";
  // A network may have the name of a view.
  const place = network && !VIEWS.some((one) => one === network) ? network : state.view;
  const left = ["view", ...(key && place === network ? [key] : [])];
  const changed = Object.entries(state).filter(([name, value]) => !left.includes(name) && value !== DEFAULTS[/** @type {Key} */ (name)]);
  const values = String(new URLSearchParams(changed.map(([name, value]) => [name, String(value)])));
  return [place, values].filter(Boolean).join("&");
}
