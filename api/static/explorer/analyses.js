/** Analyses: panels with figures of a network's weights and test data, which depend on no input. */

import { colourMaps } from "../sdk/colours.js";
import { make } from "../sdk/dom.js";
import { CHECKPOINT_OF, checkpointOf, weightsFor } from "./checkpoints.js";
import { part } from "./context.js";
import { addDownloads } from "./downloads.js";
import { drawFigure } from "./figures/figure.js";
import { latestRequest } from "./latest-request.js";
import { choicesOf, hasParameter, hasProbe } from "./model-facts.js";
import { addressOf } from "./page-client.js";
import { queryOf } from "../sdk/client.js";
import { COMPILING, retryWhileCompiling } from "./retry.js";

/** Parts of an answer that a figure is drawn from. */
const DRAWN = ["tensors", "stats", "measures", "figure"];

/** @typedef {import("../sdk/client.js").Parameters} Parameters */

/**
 * @typedef {object} View
 * @property {string} probe
 * @property {Parameters} [parameters]
 * @property {string} name
 * @property {string} description Contents of the figure.
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
      parameters: { order: "edge" },
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

/**
 * Parameters of a view's request; of a probe of one layer it is the first.
 * @param {import("./context.js").Model} model
 * @param {View} view
 * @returns {Parameters}
 */
function parametersOf(model, { probe, parameters }) {
  const [layer] = choicesOf(model, probe, "layer");
  return { ...(layer ? { layer } : {}), ...parameters };
}

/**
 * Request an answer with the layout of its figure, and draw it.
 * @param {import("../sdk/client.js").Lightwell} lightwell
 * @param {string} model
 * @param {string} probe
 * @param {{ parameters: Parameters, signal: AbortSignal, waiting: () => void, isNamed?: boolean }} options `waiting` is
 *   called while the server compiles the analysis; a figure whose place names it has no title of its own.
 * @returns {Promise<HTMLElement>}
 */
export async function requestFigure(lightwell, model, probe, { parameters, signal, waiting, isNamed = false }) {
  const query = { parameters: { ...parameters, include: DRAWN }, signal };
  const send = () => lightwell.ask(model, probe, query);
  const [answer, tables] = await Promise.all([
    retryWhileCompiling(`/${model}/${probe}`, send, signal, waiting),
    colourMaps(lightwell),
  ]);
  const { figure } = /** @type {{ figure: import("./figures/figure.js").Layout }} */ (/** @type {unknown} */ (answer));
  return drawFigure(isNamed ? contentOf(figure) : figure, answer.tensors, tables);
}

/** Layout below the titles of all that it holds. @param {import("./figures/figure.js").Layout} layout */
function contentOf(layout) {
  while (layout.kind === "panels" && layout.figures.length === 1) layout = layout.figures[0];
  return { ...layout, title: "" };
}

/**
 * Fill a panel with views, one of which is visible.
 * @param {import("./context.js").Context} context
 * @param {string} id Of the panel's body.
 * @param {"layersView" | "counterView"} key State value that holds the index of the visible view.
 */
export function mountAnalyses(context, id, key) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, id);
  const views = VIEWS[key].filter(({ probe }) => hasProbe(model, probe));
  const chips = views.map(({ name }, at) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => store.set({ [key]: at }));
    return chip;
  });
  const explanation = make("p", { class: "explain" });
  const trained = make("p", { class: "warning", hidden: true }, "This is of the trained network: it was not measured at other points of its training.");
  const place = make("div", { class: "of-input" });
  const source = make("p", { class: "quiet" });
  const warning = make("p", { class: "warning", role: "status", hidden: true });
  const choices = make("div", { class: "chips", role: "group", "aria-label": "View" }, ...chips);
  body.replaceChildren(choices, explanation, trained, warning, place, source);
  /** @param {string} text */
  function warn(text) {
    warning.textContent = text;
    warning.hidden = false;
  }
  const chosen = () => views[Math.min(Math.max(store.state[key], 0), views.length - 1)];
  /** @param {View} view @returns {Parameters} */
  const measured = (view) => ({ ...parametersOf(model, view), ...weightsFor(model, store.state, view.probe) });
  /** @param {View} view @returns {Parameters} */
  const drawn = (view) => ({
    ...measured(view),
    ...(hasParameter(model, view.probe, "cmap") ? { cmap: store.state.palette } : {}),
  });
  const describe = () => ({ name: `${model.name}-${chosen().probe}`, model: model.name, probe: chosen().probe, parameters: drawn(chosen()) });
  addDownloads(body, describe);

  let isFirst = true;
  const send = latestRequest(
    context,
    (/** @type {View} */ view, signal) =>
      requestFigure(lightwell, model.name, view.probe, { parameters: drawn(view), signal, waiting: () => warn(COMPILING) }),
    (figure, { name }) => {
      warning.hidden = true;
      place.replaceChildren(figure);
      if (!isFirst) announce(`${name} is shown.`);
      isFirst = false;
    },
    (error) => warn(error.message),
    place,
  );
  store.on([key, "palette", CHECKPOINT_OF[model.input]], () => {
    const view = chosen();
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(views[at] === view)));
    explanation.textContent = view.description;
    trained.hidden = checkpointOf(model, store.state) === null || hasParameter(model, view.probe, "checkpoint");
    const path = `/${model.name}/${view.probe}${queryOf(measured(view))}`;
    source.replaceChildren("As JSON: ", make("a", { href: addressOf(path) }, `GET ${path}`));
    void send(view);
  });
}
