/**
 * Current image: the input of the chapter's panels, and the answer of the probe `activations` for it.
 *
 * Each change (a sample, a stroke, a file, a setting, a point of the training) sends one request, and all panels show its
 * answer, so that they can never show two different pictures. While a stroke is drawn answers have
 * values that suffice to draw them; after it the selected channel has exact ones, and all others
 * when the pointer or the focus leaves the pad, before a number can be read. Another point of the
 * training is first drawn, too, and its exact values follow that answer.
 */

import { weightsFor } from "../checkpoints.js";
import { latestRequest } from "../latest-request.js";
import { choicesOf, hasParameter, imageInput, nounOf } from "../model-facts.js";
import { selectedChannel, shownLayers } from "./shown-layers.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/client.js").Image} Image */
/** @typedef {import("../../sdk/client.js").Parameters} Parameters */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../context.js").View} View */

/**
 * @typedef {object} CurrentImage
 * @property {Answer | null} answer Newest answer; null before the first. It has all layers that the
 *   page shows, the selected one among them.
 * @property {Image | null} input Posted input of that answer; with `parameters` it can be posted to
 *   any probe.
 * @property {Parameters} parameters Query parameters of `activations` for the input, the page's
 *   colours and weights: `preprocess`, `cmap`, `range`, `checkpoint`.
 * @property {(listener: (answer: Answer) => void) => void} onAnswer Calls the listener with every new
 *   answer, and with the current one where there is one.
 * @property {(probe: string, parameters?: Parameters, tensor?: Tensor) => View} describe View of a
 *   panel: a probe of the model with the page's `parameters` and weights, overridden by these.
 */

/**
 * @typedef {object} Source
 * @property {Image} input
 * @property {number} [sample] Index of the test sample, where the input is an unchanged one.
 */

/** Milliseconds between an answer and the next request while a stroke grows: a network may be shared by a class. */
const PAUSE_MS = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname) ? 60 : 400;

/** Parameters of a request whose answer is drawn: a byte a value, without statistics. */
const DRAWN = { encoding: "uint8", include: ["prediction", "input", "tensors", "warnings"] };
const [EXACT, GROWING, AFTER_STROKE, AFTER_SLIDE] = [{}, { ...DRAWN }, { ...DRAWN }, { ...DRAWN }];

/**
 * Make the current image of the chapter.
 * @param {import("../context.js").Context} context
 * @param {() => Promise<Source>} source Returns the current input.
 * @param {(error: Error) => void} fail Called with the error of a failed request.
 * @returns {{ image: CurrentImage, request: () => Promise<void>, requestSoon: () => void, requestDrawn: () => Promise<void>, requestSlid: () => Promise<void>, requestExact: () => void }}
 *   `request` aborts the pending request and sends a new one; `requestSoon` lets the pending one finish first, so that a growing
 *   stroke has answers all the time; `requestDrawn` is for a stroke that has ended, `requestSlid` for other weights; `requestExact`
 *   for exact values of all layers.
 */
export function currentImage(context, source, fail) {
  const { lightwell, store, model, root } = context;
  /** @type {((answer: Answer) => void)[]} */
  const listeners = [];
  /** @type {number | undefined} */
  let sample;

  /** @type {CurrentImage} */
  const image = {
    answer: null,
    input: null,
    get parameters() {
      const { palette, range } = store.state;
      return { preprocess: preprocessOf(model, store.state), cmap: palette, range, ...weightsFor(model, store.state, "activations") };
    },
    onAnswer(listener) {
      listeners.push(listener);
      if (image.answer) listener(image.answer);
    },
    describe(probe, parameters = {}, tensor) {
      const { answer, input } = image;
      /** @type {View["written"]} */
      const written = sample === undefined ? { pixels: answer?.input.pixels } : { sample };
      const name = `${nounOf(model)}-${probe}`;
      const all = { ...image.parameters, ...weightsFor(model, store.state, probe), ...parameters };
      return { name, model: model.name, probe, input: input ?? undefined, written, parameters: all, tensor };
    },
  };

  let isPending = false;
  let isWanted = false;
  /** Whether the newest request is for exact values. */
  let isExact = true;

  /** Request the answer for the current input. @param {Parameters} form @param {AbortSignal} signal */
  async function ask(form, signal) {
    isExact = form === EXACT;
    const current = await source();
    const layers = layersOf(store.state, model);
    const parameters = { ...image.parameters, layers, reduce: reduceOf(model, layers), ...form };
    const answer = await lightwell.ask(model.name, "activations", { input: current.input, parameters, signal });
    return { current, answer };
  }

  /** Show an answer in all panels. @param {Awaited<ReturnType<typeof ask>>} answered */
  function accept({ current, answer }) {
    image.answer = answer;
    image.input = current.input;
    sample = current.sample;
    show();
  }

  const send = latestRequest(
    context,
    ask,
    (answered, form) => {
      accept(answered);
      if (form === AFTER_STROKE) void refine({ answer: answered.answer, input: answered.current.input });
      if (form === AFTER_SLIDE) void replace(answered.answer);
    },
    fail,
    root,
  );

  /** Replace an answer that was drawn by the exact one. It stays as bright as it is: the two look the same. */
  const replace = latestRequest(
    context,
    (/** @type {Answer} */ _, signal) => ask(EXACT, signal),
    (answered, drawn) => {
      if (image.answer === drawn) accept(answered);
    },
    fail,
  );

  function show() {
    for (const listener of listeners) if (image.answer) listener(image.answer);
  }

  /** Put exact values of the selected channel into an answer that was drawn. */
  const refine = latestRequest(
    context,
    async (/** @type {{ answer: Answer, input: Image }} */ { input }, signal) => {
      const { layer, channel } = selectedChannel(model, store.state);
      const chosen = { layers: [layer.name], channels: [channel], include: ["tensors"], reduce: reduceOf(model, [layer.name]) };
      const exact = await lightwell.ask(model.name, "activations", { input, parameters: { ...image.parameters, ...chosen }, signal });
      return { channel, tensor: exact.tensors.get(layer.name) };
    },
    ({ channel, tensor }, { answer }) => {
      const drawn = tensor && answer.tensors.get(tensor.name)?.values;
      // A newer answer has other values; one of a large network may have fewer channels.
      if (!drawn || answer !== image.answer || (channel + 1) * tensor.values.length > drawn.length) return;
      drawn.set(tensor.values, channel * tensor.values.length);
      show();
    },
    fail,
  );

  /** Send the request of a whole picture: none of the growing stroke follows it. @param {Parameters} form */
  function sendLast(form) {
    isWanted = false;
    return send(form);
  }

  const request = () => sendLast(EXACT);
  const requestDrawn = () => sendLast(AFTER_STROKE);
  const requestSlid = () => sendLast(AFTER_SLIDE);
  const requestExact = () => void (isExact || request());

  async function requestSoon() {
    isWanted = isPending;
    if (isPending) return;
    isPending = true;
    await send(GROWING);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    isPending = false;
    if (isWanted) void requestSoon();
  }

  return { image, request, requestSoon, requestDrawn, requestSlid, requestExact };
}

/**
 * Layers on display, in the order of the network.
 * @param {import("../state.js").State} state
 * @param {import("../context.js").Model} model
 */
export function layersOf(state, model) {
  const wanted = [...shownLayers(model, state.before), selectedChannel(model, state).layer.name];
  return model.layers.map(({ name }) => name).filter((name) => wanted.includes(name));
}

/** Values of layers from which on an answer is reduced unless the request says otherwise. */
const MANY_VALUES = 100_000;

/**
 * Value of the parameter `reduce`: the page shows every channel and every position, which binary answers hold.
 * @param {import("../context.js").Model} model
 * @param {string[]} layers
 */
export function reduceOf(model, layers) {
  const shown = model.layers.filter(({ name }) => layers.includes(name));
  const values = shown.reduce((sum, { shape }) => sum + shape.map(Number).reduce((product, side) => product * side, 1), 0);
  return values > MANY_VALUES && hasParameter(model, "activations", "reduce") ? "false" : null;
}

/**
 * Value of the parameter `preprocess`: the preparation that the model declares, or none; null, the default of the server, where
 * the probe has no such value.
 * @param {import("../context.js").Model} model
 * @param {{ preprocess: string }} state
 */
export function preprocessOf(model, { preprocess }) {
  if (!hasParameter(model, "activations", "preprocess")) return null;
  if (preprocess === "none") return preprocess;
  const { prepare } = imageInput(model);
  const choices = choicesOf(model, "activations", "preprocess");
  return choices.includes(prepare) ? prepare : null;
}
