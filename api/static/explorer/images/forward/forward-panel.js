/** Forward panel: steps through the computation of the selected layer, in place of the detail of its channel. */

import { colourMaps } from "../../../sdk/colours.js";
import { make } from "../../../sdk/dom.js";
import { Tensor } from "../../../sdk/tensor.js";
import { weightsFor } from "../../checkpoints.js";
import { part } from "../../context.js";
import { latestRequest } from "../../latest-request.js";
import { loadStyle } from "../../lazy-panels.js";
import { INPUT } from "../../model-facts.js";
import { moveByKeys, playback } from "../../playback.js";
import { selectedChannel } from "../shown-layers.js";
import { reduceOf } from "../current-image.js";
import { computationOf } from "../forward-button.js";
import { INPUT_TENSOR } from "../stages.js";
import { activation } from "./activation.js";
import { convolution } from "./convolution.js";
import { dense } from "./dense.js";
import { pooling } from "./pooling.js";

/** @typedef {import("../../context.js").Context} Context */
/** @typedef {import("../../context.js").Layer} Layer */
/** @typedef {import("./computation.js").Computation} Computation */
/** @typedef {Omit<import("./computation.js").Material, "model" | "tables" | "go">} Fetched */

const COMPUTATIONS = { conv: convolution, pool: pooling, activation, dense };
const SPEEDS = [1, 4, 16, 64, 256];
const DEFAULT_SPEED = 4;

/** Largest intensity of a digit's pixel, which the network reads as 1. */
const FULL = 255;

/**
 * Fill the panel; it is shown while the state has a position.
 * @param {Context} context
 * @param {import("../current-image.js").CurrentImage} image
 * @param {HTMLElement} opener Gets the focus when the panel is closed.
 * @returns {Promise<{ focus: () => void }>} `focus` moves the focus to the controls.
 */
export async function mountForward(context, image, opener) {
  const { lightwell, store, model } = context;
  const detail = part(context, "inspector");
  const [tables] = await Promise.all([colourMaps(lightwell), loadStyle(import.meta.resolve("./forward.css"))]);
  /** @type {Computation | null} */
  let computation = null;
  let lastQuery = "";
  let wantsFocus = false;

  const title = make("h3");
  const says = make("p", { class: "quiet" });
  const warning = make("p", { class: "warning", role: "alert", hidden: true });
  const place = make("div", { class: "body forward-place" });
  const close = make("button", { type: "button" }, "Close");
  const position = () => Math.min(Math.max(store.state.forward, 0), (computation?.count ?? 1) - 1);
  const controls = playback(context, {
    noun: "position",
    end: () => (computation?.count ?? 1) - 1,
    at: position,
    move: (forward) => store.set({ forward }),
    describe: (at) => computation?.describe(at) ?? "",
    write: () => `${position() + 1} of ${computation?.count ?? 1}`,
    speeds: SPEEDS,
    speed: DEFAULT_SPEED,
    isStill: matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
  const header = make("header", {}, title, close);
  const panel = make("section", { class: "panel", id: "forward", "aria-label": "Forward pass of the layer" }, header, says, controls.element, warning, place);
  controls.element.hidden = true;
  part(context, "inspector-body").before(panel);
  close.addEventListener("click", leave);
  moveByKeys(panel, { ...controls, at: position, columns: () => computation?.columns ?? 1, leave });

  function leave() {
    controls.pause();
    store.set({ forward: -1 });
    opener.focus();
  }

  /** Move the focus to the controls, when they are there. */
  function focus() {
    wantsFocus = Boolean(controls.element.hidden);
    /** @type {HTMLElement | null} */ (panel.querySelector(".play, .step-slider"))?.focus();
    detail.scrollIntoView({ block: "nearest" });
  }

  const send = latestRequest(
    context,
    (/** @type {{ layer: Layer, channel: number }} */ { layer, channel }, signal) => fetched(context, image, layer, channel, signal),
    (material) => {
      const kind = computationOf(model, material.layer);
      if (!kind) return;
      computation = COMPUTATIONS[kind]({ ...material, model, tables, go: controls.go });
      title.textContent = computation.title;
      says.textContent = computation.says;
      warning.hidden = true;
      place.replaceChildren(computation.element);
      controls.element.hidden = false;
      show();
      if (wantsFocus) focus();
    },
    (error) => {
      lastQuery = "";
      warning.textContent = error.message;
      warning.hidden = false;
    },
    place,
  );

  function show() {
    computation?.show(position());
    controls.show();
  }

  /** Request what the selected layer reads and makes, unless it is on display. */
  function request() {
    const { layer, channel } = selectedChannel(model, store.state);
    if (store.state.forward < 0 || !image.input || !image.answer) return;
    const ofChannel = layer.shape.length === 3 ? channel : 0;
    const query = JSON.stringify([layer.name, ofChannel, image.answer.input.pixels, image.parameters]);
    if (query === lastQuery) return;
    lastQuery = query;
    controls.pause();
    void send({ layer, channel });
  }

  let [shownLayer, shownChannel] = [store.state.layer, store.state.channel];
  store.on(["layer", "channel"], ({ layer, channel, forward }) => {
    if (forward < 0) return void ([shownLayer, shownChannel] = [layer, channel]);
    const chosen = selectedChannel(model, { layer, channel });
    if (!computationOf(model, chosen.layer)) store.set({ forward: -1 });
    else if (layer !== shownLayer) store.set({ forward: 0 });
    // The position of a vector is the unit.
    else if (channel !== shownChannel && chosen.layer.shape.length === 1) controls.go(channel);
    [shownLayer, shownChannel] = [layer, channel];
    request();
  });
  store.on(["forward"], ({ forward }) => {
    const isOpen = forward >= 0;
    panel.hidden = !isOpen;
    detail.classList.toggle("is-forward", isOpen);
    request();
    if (isOpen) show();
    else controls.pause();
  });
  store.on(["palette", "range"], request);
  image.onAnswer(request);
  return { focus };
}

/**
 * Fetch what a layer reads and makes, with its weights.
 * @param {Context} context
 * @param {import("../current-image.js").CurrentImage} image
 * @param {Layer} layer
 * @param {number} channel
 * @param {AbortSignal} signal
 * @returns {Promise<Fetched>}
 */
async function fetched({ lightwell, store, model }, image, layer, channel, signal) {
  const [source] = layer.inputs;
  const layers = [...(source === INPUT ? [] : [source]), layer.name];
  const asked = { ...image.parameters, layers, reduce: reduceOf(model, layers), include: ["prediction", "tensors"] };
  const weights = { ...weightsOf(layer, channel), ...weightsFor(model, store.state, "filters") };
  const hasWeights = ["conv", "dense"].includes(computationOf(model, layer) ?? "");
  const [answer, learned] = await Promise.all([
    lightwell.ask(model.name, "activations", { input: image.input ?? undefined, parameters: asked, signal }),
    hasWeights ? lightwell.ask(model.name, "filters", { parameters: weights, signal }) : null,
  ]);
  const tensor = (/** @type {string} */ name) => /** @type {Tensor} */ (answer.tensors.get(name));
  const kernel = learned?.tensors.get(`${layer.layer}.kernel`);
  return {
    layer,
    channel,
    read: source === INPUT ? asRead(tensor(INPUT_TENSOR)) : tensor(source),
    made: tensor(layer.name),
    prediction: answer.prediction,
    weights: kernel ? { kernel, biases: learned?.tensors.get(`${layer.layer}.bias`)?.values ?? null } : null,
  };
}

/** Parameters of the weights: of a convolution those of one channel. @param {Layer} layer @param {number} channel */
function weightsOf({ layer, shape }, channel) {
  return { layers: layer, order: "index", biases: "true", ...(shape.length === 3 ? { channels: channel } : {}) };
}

/** The input as the network reads it, in float32: intensities from 0 to 1, as one map. @param {Tensor} picture */
function asRead(picture) {
  const description = { ...picture.description, shape: [1, ...picture.shape], axes: ["channel", ...picture.axes], dtype: "float32" };
  const colour = { map: "gray", vmin: 0, vmax: 1, scope: /** @type {const} */ ("fixed") };
  return new Tensor({ ...description, colour }, Float32Array.from(picture.values, (value) => value / FULL));
}
