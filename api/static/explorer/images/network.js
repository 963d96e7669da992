/** Network: every layer as a column of feature maps, from the image to the prediction. */

import { make } from "../../sdk/dom.js";
import { rangeOf } from "../../sdk/colours.js";
import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import "../../sdk/tensor-heatmap.js";
import { part } from "../context.js";
import { downloads } from "../downloads.js";
import { INPUT, kernelOf, layerOf } from "../model-facts.js";
import { Connections } from "./connections.js";
import { hasInner, selectedChannel, shownLayers } from "./shown-layers.js";
import { FLAT, stagesOf, TALL } from "./stages.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("./current-image.js").CurrentImage} Digit */
/** @typedef {import("./stages.js").Stage} Stage */
/** @typedef {import("../../sdk/tensor-heatmap.js").TensorHeatmap} TensorHeatmap */

/**
 * @typedef {object} Column
 * @property {Stage} stage
 * @property {HTMLElement} element
 * @property {(answer: import("../../sdk/client.js").Answer) => void} update
 * @property {(layer: string, channel: number) => void} mark Marks the selected channel.
 * @property {(channel: number) => DOMRect | null} boxOf Client rectangle of a channel.
 * @property {() => number} bottom Client position below all channels and their colour bar.
 * @property {number} channels
 */

/**
 * Fill the panel `network`.
 * @param {Context} context
 * @param {Digit} image
 */
export function mountNetwork(context, image) {
  const { store, model } = context;
  const body = part(context, "network-columns");
  const strip = make("div", { class: "stages", role: "group", "aria-label": "The layers, from input to output" });
  const connections = new Connections(strip);
  /** @type {Column[]} */
  let columns = [];

  const phone = matchMedia("(max-width: 40rem)");
  const toggle = hasInner(model) ? [beforeSwitch(store)] : [];
  const more = make("p", { class: "stages-more", hidden: true }, "More layers: scroll sideways →");
  const scroller = make("div", { class: "stages-scroller" }, strip);
  body.replaceChildren(scroller, more);
  body.closest(".panel")?.querySelector("header")?.append(...toggle, downloads(describe));

  /** Build the columns; the option to show values before the ReLU changes their number. */
  function build() {
    returnDetail(context);
    columns = stagesOf(model, store.state.before, phone.matches ? FLAT : TALL).map((stage) => columnOf(stage, context));
    strip.replaceChildren(connections.element, ...columns.map(({ element }) => element));
    if (image.answer) for (const column of columns) column.update(image.answer);
    mark();
  }

  function mark() {
    const { layer, channel } = selectedChannel(model, store.state);
    for (const column of columns) column.mark(layer.name, channel);
    connections.draw(columns, layer.name, channel);
  }

  /** Mark the selected channel, and say whether there are layers out of sight. */
  function fit() {
    mark();
    more.hidden = scroller.scrollWidth <= scroller.clientWidth + 1;
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!image.answer) return null;
    const shown = image.answer.tensors;
    const layers = shownLayers(model, store.state.before).filter((name) => shown.has(name));
    const { layer } = selectedChannel(model, store.state);
    return { ...image.describe("activations", { layers }, shown.get(layer.name)), name: "activations" };
  }

  image.onAnswer((answer) => {
    for (const column of columns) column.update(answer);
  });
  strip.addEventListener("lw-layout", fit);
  new ResizeObserver(fit).observe(scroller);
  phone.addEventListener("change", build, { signal: context.signal });
  store.on(["before"], build);
  store.on(["layer", "channel"], mark);
}

/**
 * Make the column of one stage.
 * @param {Stage} stage
 * @param {Context} context
 * @returns {Column}
 */
function columnOf(stage, context) {
  const content = stage.isOutput ? outputs(stage, context) : tiles(stage, context);
  const { title, shape, facts, says } = stage;
  const head = make("header", { title: [...facts, says].join("\n") }, make("h3", {}, title), make("p", { class: "number quiet" }, shape));
  const name = stage.layer === INPUT ? "the input" : stage.layer;
  const element = make("section", { class: "stage", "aria-label": `${title}: ${name}` }, head, content.element);
  element.dataset.layer = stage.layer;
  const mark = (/** @type {string} */ layer, /** @type {number} */ channel) => {
    element.classList.toggle("chosen", layer === stage.layer);
    content.mark(layer, channel);
  };
  return { stage, element, channels: stage.channels, update: content.update, boxOf: content.boxOf, bottom: content.bottom, mark };
}

/**
 * Tiles of a stage, one for each channel.
 * @param {Stage} stage
 * @param {Context} context
 */
function tiles({ layer, tensor, title, columns }, context) {
  const { model } = context;
  const kernelOfLayer = (/** @type {string} */ name) => {
    const entry = layerOf(model, name);
    return entry ? kernelOf(model, entry) : null;
  };
  const kernel = kernelOfLayer(layer);
  const note = make("p", { class: "quiet number" });
  const map = /** @type {TensorHeatmap} */ (document.createElement("lw-tensor-heatmap"));
  map.setAttribute("columns", String(columns));
  map.setAttribute("label", layer === INPUT ? "Input" : `${layer}, ${title}`);
  // A column is too narrow for a colour bar, which the detail has.
  map.setAttribute("bare", "");
  map.addEventListener("lw-select", (event) => {
    const { channel } = /** @type {CustomEvent<{ channel: number }>} */ (event).detail;
    if (layer !== INPUT) selectChannel(context, layer, channel);
  });
  return {
    element: make("div", { class: "stage-tiles" }, map, note),
    boxOf: (/** @type {number} */ channel) => map.boxOf(labelOf(map.tensor, channel)),
    bottom: () => (note.hidden ? map : note).getBoundingClientRect().bottom,
    /** @param {import("../../sdk/client.js").Answer} answer */
    update({ tensors }) {
      const shown = tensors.get(tensor) ?? null;
      map.tensor = shown;
      const count = layerOf(model, layer)?.shape[0] ?? 0;
      note.hidden = !shown || layer === INPUT;
      if (shown) note.textContent = [...(shown.shape[0] < count ? [`first ${shown.shape[0]} of ${count}`] : []), rangeText(shown)].join(", ");
    },
    /** Layers of one kernel mark the same channel: they show it before and after its activation and pooling. @param {string} chosen @param {number} channel */
    mark(chosen, channel) {
      const isSameKernel = kernel !== null && kernel === kernelOfLayer(chosen);
      map.toggleAttribute("faint", chosen !== layer);
      map.selected = chosen === layer || isSameKernel ? channel : null;
    },
  };
}

/** Range of a tensor's colours. @param {import("../../sdk/tensor.js").Tensor} tensor */
function rangeText(tensor) {
  const { low, high, scope } = rangeOf(tensor);
  return scope === "channel" ? "own ranges" : `${formatNumber(low, 2)} to ${formatNumber(high, 2)}`;
}

/**
 * Label of a channel among the tiles: its number, or the name of a colour.
 * @param {import("../../sdk/tensor.js").Tensor | null} tensor
 * @param {number} channel
 */
function labelOf(tensor, channel) {
  const labels = tensor?.labels(tensor.axes[0]) ?? [];
  return labels.includes(channel) ? channel : (labels[channel] ?? channel);
}

/**
 * The last stage: a button for each class, filled in proportion to its probability.
 * @param {Stage} stage
 * @param {Context} context
 */
function outputs({ layer }, context) {
  const cells = context.model.classes.map((name, channel) => {
    const share = make("span", { class: "share number" });
    const fill = make("span", { class: "fill" });
    const cell = make("button", { type: "button" }, fill, make("b", {}, name), share);
    cell.addEventListener("click", () => selectChannel(context, layer, channel));
    return { cell, fill, share };
  });
  return {
    element: make("div", { class: "outputs", role: "group", "aria-label": "Classes" }, ...cells.map(({ cell }) => cell)),
    boxOf: (/** @type {number} */ channel) => cells[channel]?.cell.getBoundingClientRect() ?? null,
    bottom: () => cells[cells.length - 1].cell.getBoundingClientRect().bottom,
    /** @param {import("../../sdk/client.js").Answer} answer */
    update({ prediction: { label, probabilities } }) {
      cells.forEach(({ cell, fill, share }, at) => {
        fill.style.width = `${100 * probabilities[at]}%`;
        share.textContent = formatPercent(probabilities[at]);
        cell.classList.toggle("winner", at === label);
      });
    },
    /** @param {string} chosen @param {number} channel */
    mark(chosen, channel) {
      cells.forEach(({ cell }, at) => cell.setAttribute("aria-pressed", String(chosen === layer && at === channel)));
    },
  };
}

/**
 * Select a channel and bring its detail into view; the pinned value is dropped with its layer.
 * @param {Context} context
 * @param {string} layer
 * @param {number} channel
 */
function selectChannel(context, layer, channel) {
  const { store, model, announce } = context;
  const isSame = selectedChannel(model, store.state).layer.name === layer;
  store.set({ layer, channel, ...(isSame ? {} : { y: -1, x: -1 }) });
  announce(`${layer}, channel ${channel}`);
  showDetail(context, layer);
}

/**
 * Bring the detail of a channel into view; on a phone it opens below its layer.
 * @param {Context} context
 * @param {string} layer
 */
function showDetail({ root }, layer) {
  const detail = root.querySelector(".detail");
  const stage = root.querySelector(`.stage[data-layer="${CSS.escape(layer)}"]`);
  if (!detail) return;
  const isPhone = matchMedia("(max-width: 40rem)").matches;
  if (stage && isPhone) stage.after(detail);
  detail.scrollIntoView({ block: isPhone ? "start" : "nearest" });
}

/** Put the detail back to its place below the network. @param {Context} context */
function returnDetail({ root }) {
  const detail = root.querySelector(".stages > .detail");
  if (detail) root.querySelector(".bench")?.append(detail);
}

/** @param {import("../store.js").StateStore} store */
function beforeSwitch(store) {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => store.set({ before: box.checked }));
  store.on(["before"], ({ before }) => (box.checked = before));
  return make("label", { class: "row quiet before" }, box, "also values before the activation");
}
