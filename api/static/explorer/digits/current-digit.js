/**
 * Current digit: the input of the chapter's panels, and the answer of `/cnn/activations` for it.
 *
 * Each change (a sample, a stroke, a file, a setting) sends one request, and all panels show its
 * answer, so that they can never show two different digits.
 */

import { latestRequest } from "../latest-request.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/client.js").Image} Image */
/** @typedef {import("/sdk/client.js").Parameters} Parameters */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../context.js").View} View */

/**
 * @typedef {object} Digit
 * @property {Answer | null} answer Newest answer; null before the first. It has all layers that the
 *   page shows, the selected one among them.
 * @property {Image | null} input Posted input of that answer; with `parameters` it can be posted to
 *   any probe.
 * @property {Parameters} parameters Query parameters of the input and of the page's colours:
 *   `preprocess`, `cmap`, `range`.
 * @property {(listener: (answer: Answer) => void) => void} onAnswer Calls the listener with every new
 *   answer, and with the current one where there is one.
 * @property {(probe: string, parameters?: Parameters, tensor?: Tensor) => View} describe View of a
 *   panel: a probe of the CNN with the page's `parameters`, overridden by these.
 */

/**
 * @typedef {object} Source
 * @property {Image} input
 * @property {number} [sample] Index of the test sample, where the input is an unchanged one.
 */

/** Layers after a ReLU or a pooling: the columns of the network. */
const AFTER = ["relu1", "pool1", "relu2", "pool2", "relu3", "relu4"];
/** Layers before a ReLU, shown on request. */
const BEFORE = ["conv1", "conv2", "conv3", "dense1"];

const PAUSE_MS = 60; // between an answer and the next request while a stroke grows

/**
 * Make the current digit of the page.
 * @param {import("../context.js").Context} context
 * @param {() => Promise<Source>} source Returns the current input.
 * @param {(error: Error) => void} fail Called with the error of a failed request.
 * @returns {{ digit: Digit, request: () => Promise<void>, requestSoon: () => void }} `request`
 *   aborts the pending request and sends a new one; `requestSoon` lets the pending one finish first, so
 *   that a growing stroke has answers all the time.
 */
export function currentDigit({ lightwell, store, cnn }, source, fail) {
  /** @type {((answer: Answer) => void)[]} */
  const listeners = [];
  /** @type {number | undefined} */
  let sample;

  /** @type {Digit} */
  const digit = {
    answer: null,
    input: null,
    get parameters() {
      const { preprocess, palette, range } = store.state;
      return { preprocess, cmap: palette, range };
    },
    onAnswer(listener) {
      listeners.push(listener);
      if (digit.answer) listener(digit.answer);
    },
    describe(probe, parameters = {}, tensor) {
      const { answer, input } = digit;
      /** @type {View["written"]} */
      const written = sample === undefined ? { pixels: answer?.input.pixels } : { sample };
      const name = `digit-${probe}`;
      const all = { ...digit.parameters, ...parameters };
      return { name, model: "cnn", probe, input: input ?? undefined, written, parameters: all, tensor };
    },
  };

  const request = latestRequest(
    async (/** @type {void} */ _, signal) => {
      const current = await source();
      const layers = layersOf(store.state, cnn);
      const answer = await lightwell.activations(current.input, { ...digit.parameters, layers }, { signal });
      return { current, answer };
    },
    ({ current, answer }) => {
      digit.answer = answer;
      digit.input = current.input;
      sample = current.sample;
      for (const listener of listeners) listener(answer);
    },
    fail,
  );

  let isPending = false;
  let isWanted = false;

  async function requestSoon() {
    isWanted = isPending;
    if (isPending) return;
    isPending = true;
    await request();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    isPending = false;
    if (isWanted) void requestSoon();
  }

  return { digit, request, requestSoon };
}

/**
 * Layers on display, in the order of the network.
 * @param {import("../state.js").State} state
 * @param {import("../context.js").Model} cnn
 */
export function layersOf({ layer, before }, cnn) {
  const wanted = [...AFTER, ...(before ? BEFORE : []), layer];
  return cnn.layers.map(({ name }) => name).filter((name) => wanted.includes(name));
}
