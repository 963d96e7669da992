/** Server pictures: panels with figures that the server draws of a network's weights and test data. */

import { make } from "../sdk/dom.js";
import { part } from "./context.js";
import { choicesOf, hasProbe } from "./model-facts.js";
import { addressOf } from "./page-client.js";
import { reloadWhenRefused, showPicture } from "./refused-picture.js";

/**
 * @typedef {object} View
 * @property {string} probe
 * @property {string} [query]
 * @property {string} name
 * @property {string} description Contents of the picture.
 */

/** @type {Record<"layersView" | "counterView", View[]>} */
const VIEWS = {
  layersView: [
    {
      probe: "layers",
      name: "Layers compared",
      description: "How well a linear classifier reads the class from each layer, and how similar the layers are, to each other and over training.",
    },
    {
      probe: "descriptors",
      query: "order=edge",
      name: "First filters described",
      description: "How much of each filter is edge, line or mean, its orientation, and the spatial frequency that it responds to.",
    },
  ],
  counterView: [
    {
      probe: "counter",
      name: "Who counts",
      description: "Which units track the count, how far each bit moves them, and how few of them suffice for the answer.",
    },
    {
      probe: "dynamics",
      name: "State space",
      description: "States of many sequences, and points where the state would not change, or changes least, at a constant input and after a repeated word.",
    },
    {
      probe: "generalisation",
      name: "How far it counts",
      description: "Accuracy on eight kinds of sequences by length and by margin, compared with always answering “no”; and the length that is certified for every sequence, with the bounds of each unit.",
    },
  ],
};

/** Path of a view's JSON answer; of a probe of one layer it is the first. @param {import("./context.js").Model} model @param {View} view */
function pathOf(model, { probe, query }) {
  const [layer] = choicesOf(model, probe, "layer");
  const parameters = [...(layer ? [`layer=${layer}`] : []), ...(query ? [query] : [])];
  return `/${model.name}/${probe}${parameters.length ? `?${parameters.join("&")}` : ""}`;
}

/** Path of a view's picture. @param {string} path */
function pictureOf(path) {
  const [probe, query] = path.split("?");
  return `${probe}.png${query ? `?${query}` : ""}`;
}

/**
 * Fill a panel with views, one of which is visible.
 * @param {import("./context.js").Context} context
 * @param {string} id Of the panel's body.
 * @param {"layersView" | "counterView"} key State value that holds the index of the visible view.
 */
export function mountServerPictures(context, id, key) {
  const { store, model, signal } = context;
  const body = part(context, id);
  const views = VIEWS[key].filter(({ probe }) => hasProbe(model, probe));
  const chips = views.map(({ name }, at) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => store.set({ [key]: at }));
    return chip;
  });
  const explanation = make("p", { class: "explain" });
  const picture = make("img", { class: "shown-picture" });
  const link = make("a", {}, picture);
  const source = make("p", { class: "quiet" });
  const warning = make("p", { class: "warning", hidden: true });
  const choices = make("div", { class: "chips", role: "group", "aria-label": "View" }, ...chips);
  body.replaceChildren(choices, explanation, warning, link, source);
  /** @param {string} text */
  function warn(text) {
    warning.textContent = text;
    warning.hidden = false;
  }
  const waiting = () => warn("The server is compiling this analysis; the picture appears when it is done.");
  reloadWhenRefused(picture, signal, {
    waiting,
    fail: (error) => warn(error.message),
  });
  picture.addEventListener("load", () => (warning.hidden = true));
  store.on([key], (state) => {
    const index = Math.min(Math.max(state[key], 0), views.length - 1);
    const { name, description } = views[index];
    warning.hidden = true;
    const path = pathOf(model, views[index]);
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(at === index)));
    explanation.textContent = description;
    picture.alt = `${name}: ${description}`;
    link.href = addressOf(pictureOf(path));
    void showPicture(picture, pictureOf(path), signal, waiting);
    source.replaceChildren("As JSON: ", make("a", { href: addressOf(path) }, `GET ${path}`));
  });
}
