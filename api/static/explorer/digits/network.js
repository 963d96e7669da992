/** Network: every layer as a column of feature maps, from the image to the prediction. */

import { make } from "/sdk/dom.js";
import { formatPercent } from "/sdk/number-format.js";
import { downloads } from "../downloads.js";
import { Connections } from "./connections.js";
import { INPUT, moduleOf, OUTPUT, stagesOf } from "./stages.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("./current-digit.js").Digit} Digit */
/** @typedef {import("./stages.js").Stage} Stage */
/** @typedef {import("/sdk/tensor-heatmap.js").TensorHeatmap} TensorHeatmap */

/**
 * @typedef {object} Column
 * @property {Stage} stage
 * @property {HTMLElement} element
 * @property {(answer: import("/sdk/client.js").Answer) => void} update
 * @property {(layer: string, channel: number) => void} mark Marks the selected channel.
 * @property {(channel: number) => DOMRect | null} boxOf Client rectangle of a channel.
 * @property {number} channels
 */

/**
 * Fill the panel `network`.
 * @param {Context} context
 * @param {Digit} digit
 */
export function mountNetwork(context, digit) {
  const { store, cnn } = context;
  const body = /** @type {HTMLElement} */ (document.getElementById("network-columns"));
  const strip = make("div", { class: "stages", role: "group", "aria-label": "The layers, from input to output" });
  const connections = new Connections(strip);
  /** @type {Column[]} */
  let columns = [];

  body.replaceChildren(beforeSwitch(store), make("div", { class: "stages-scroller" }, strip));
  body.closest(".panel")?.querySelector("header")?.append(downloads(describe));

  /** Build the columns; the option to show values before the ReLU changes their number. */
  function build() {
    columns = stagesOf(cnn, store.state.before).map((stage) => columnOf(stage, context));
    strip.replaceChildren(connections.element, ...columns.map(({ element }) => element));
    if (digit.answer) for (const column of columns) column.update(digit.answer);
    mark();
  }

  function mark() {
    const { layer, channel } = store.state;
    for (const column of columns) column.mark(layer, channel);
    connections.draw(columns, layer, channel);
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!digit.answer) return null;
    const shown = digit.answer.tensors;
    const layers = columns.map(({ stage }) => stage.layer).filter((name) => name !== INPUT && shown.has(name));
    return { ...digit.describe("activations", { layers }, shown.get(store.state.layer)), name: "activations" };
  }

  digit.onAnswer((answer) => {
    for (const column of columns) column.update(answer);
  });
  strip.addEventListener("lw-layout", mark);
  new ResizeObserver(mark).observe(strip);
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
  const part = stage.layer === OUTPUT ? outputs(stage, context) : tiles(stage, context);
  const { title, shape, facts, says } = stage;
  const head = make(
    "header",
    {},
    make("h3", {}, title),
    make("p", { class: "number" }, shape),
    ...facts.map((fact) => make("p", { class: "quiet" }, fact)),
  );
  const name = stage.layer === INPUT ? "the input" : stage.layer;
  const label = { class: "stage", "aria-label": `${title}: ${name}` };
  const element = make("section", label, head, part.element, make("p", { class: "says" }, says));
  element.dataset.layer = stage.layer;
  const mark = (/** @type {string} */ layer, /** @type {number} */ channel) => {
    element.classList.toggle("chosen", layer === stage.layer);
    part.mark(layer, channel);
  };
  return { stage, element, channels: stage.channels, update: part.update, boxOf: part.boxOf, mark };
}

/**
 * Tiles of a stage, one for each channel.
 * @param {Stage} stage
 * @param {Context} context
 */
function tiles({ layer, title, columns, module }, context) {
  const map = /** @type {TensorHeatmap} */ (document.createElement("lw-tensor-heatmap"));
  map.setAttribute("columns", String(columns));
  map.setAttribute("label", layer === INPUT ? "Input" : `${layer}, ${title}`);
  if (layer === INPUT) map.setAttribute("bare", "");
  map.addEventListener("lw-select", (event) => {
    const { channel } = /** @type {CustomEvent<{ channel: number }>} */ (event).detail;
    if (layer !== INPUT) selectChannel(context, layer, channel);
  });
  return {
    element: make("div", { class: "stage-tiles" }, map),
    boxOf: (/** @type {number} */ channel) => map.boxOf(channel),
    /** @param {import("/sdk/client.js").Answer} answer */
    update({ tensors }) {
      map.tensor = tensors.get(layer) ?? null;
    },
    /** Layers of one convolution mark the same channel: they show it before and after ReLU and pooling. @param {string} chosen @param {number} channel */
    mark(chosen, channel) {
      const isSameModule = module !== "" && module === moduleOf(chosen);
      map.toggleAttribute("faint", chosen !== layer);
      map.selected = chosen === layer || isSameModule ? channel : null;
    },
  };
}

/**
 * The last stage: a button for each digit, filled in proportion to its probability.
 * @param {Stage} stage
 * @param {Context} context
 */
function outputs({ layer }, context) {
  const cells = context.cnn.classes.map((name, channel) => {
    const share = make("span", { class: "share number" });
    const fill = make("span", { class: "fill" });
    const cell = make("button", { type: "button" }, fill, make("b", {}, name), share);
    cell.addEventListener("click", () => selectChannel(context, layer, channel));
    return { cell, fill, share };
  });
  return {
    element: make("div", { class: "outputs", role: "group", "aria-label": "Digits" }, ...cells.map(({ cell }) => cell)),
    boxOf: (/** @type {number} */ channel) => cells[channel]?.cell.getBoundingClientRect() ?? null,
    /** @param {import("/sdk/client.js").Answer} answer */
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
 * Select a channel; the pinned value is dropped with its layer.
 * @param {Context} context
 * @param {string} layer
 * @param {number} channel
 */
function selectChannel({ store, announce }, layer, channel) {
  store.set({ layer, channel, ...(store.state.layer === layer ? {} : { y: -1, x: -1 }) });
  announce(`${layer}, channel ${channel}`);
}

/** @param {import("../state.js").Store} store */
function beforeSwitch(store) {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => store.set({ before: box.checked }));
  store.on(["before"], ({ before }) => (box.checked = before));
  return make("label", { class: "row quiet before" }, box, "Also show values before the ReLU");
}
