/**
 * Digit: the one input that the whole chapter shows, and what the network made of it.
 *
 * Whatever changes it (a sample, a stroke, a file, a setting) asks once; the pad, the network, the
 * inspector and the comparison all read the same answer.
 */

import { latestRequest } from "../latest-request.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/client.js").Image} Image */
/** @typedef {import("/sdk/client.js").Parameters} Parameters */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../context.js").View} View */

/**
 * @typedef {object} Digit
 * @property {Answer | null} answer The newest answer of `/cnn/activations`; null before the first. It
 *   has every layer that the page shows (the chosen one among them, with all its channels).
 * @property {Image | null} input What was posted for that answer; with `parameters` it can be posted
 *   again to any probe.
 * @property {Parameters} parameters What goes with the input and the page's colours:
 *   `preprocess`, `cmap`, `range`. Spread your own over them.
 * @property {(listener: (answer: Answer) => void) => void} onAnswer Calls the listener with every new
 *   answer, and at once where there is one already.
 * @property {(probe: string, parameters?: Parameters, tensor?: Tensor) => View} describe What a panel
 *   shows of this digit: a probe of the CNN with the page's `parameters` and these over them.
 */

/**
 * @typedef {object} Drawn What is to be looked at.
 * @property {Image} input
 * @property {number} [sample] Which test sample it is, where it is one as it was.
 */

/** What `/cnn/activations` gives unless told otherwise: everything after a ReLU or a pool. */
const AFTER = ["relu1", "pool1", "relu2", "pool2", "relu3", "relu4"];
const BEFORE = ["conv1", "conv2", "conv3", "dense1"];

const PAUSE_MS = 60; // between an answer and the next question, while somebody draws

/**
 * Make the digit of a page.
 * @param {import("../context.js").Context} context
 * @param {() => Promise<Drawn>} source Says what is to be looked at now.
 * @param {(error: Error) => void} fail Told why there is no answer.
 * @returns {{ digit: Digit, ask: () => Promise<void>, askSoon: () => void }} The digit; `ask` asks
 *   about it now and drops what was asked before, `askSoon` asks again whenever the last answer is there.
 */
export function digitOf({ lightwell, store, cnn }, source, fail) {
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

  const ask = latestRequest(
    async (/** @type {void} */ _, signal) => {
      const drawn = await source();
      const layers = layersOf(store.state, cnn);
      const answer = await lightwell.activations(drawn.input, { ...digit.parameters, layers }, { signal });
      return { drawn, answer };
    },
    ({ drawn, answer }) => {
      digit.answer = answer;
      digit.input = drawn.input;
      sample = drawn.sample;
      for (const listener of listeners) listener(answer);
    },
    fail,
  );

  let isAsking = false;
  let isWanted = false;

  async function askSoon() {
    isWanted = isAsking;
    if (isAsking) return;
    isAsking = true;
    await ask();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    isAsking = false;
    if (isWanted) void askSoon();
  }

  return { digit, ask, askSoon };
}

/**
 * Which layers the page shows, in the network's order.
 * @param {import("../state.js").State} state
 * @param {import("../context.js").Model} cnn
 */
export function layersOf({ layer, before }, cnn) {
  const wanted = [...AFTER, ...(before ? BEFORE : []), layer];
  return cnn.layers.map(({ name }) => name).filter((name) => wanted.includes(name));
}
