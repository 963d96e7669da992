/** Comparison of two pictures: predictions, one channel for both, and the channels that differ most. */

import { colourMaps } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { part } from "../context.js";
import { latestRequest } from "../latest-request.js";
import { nounOf, readsDigits } from "../model-facts.js";
import { probabilityBars } from "../probability-bars.js";
import { addressOf } from "../page-client.js";
import { reloadWhenRefused } from "../refused-picture.js";
import { selectedChannel } from "./channel-picker.js";
import { reduceOf } from "./current-image.js";
import { ComparedMaps } from "./compared-maps.js";
import { differingChannels } from "./differing-channels.js";
import { PixelMap } from "./pixel-map.js";
import { pixelsToText } from "./pixels.js";
import { hasSecond, secondInput, swapped } from "./second-picture.js";
import { INPUT_TENSOR } from "./stages.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {{ index: number, label: number }} Sample */

/**
 * Fill the panel `compare`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export async function mountCompare(context, image) {
  const { lightwell, store, model, announce, signal: chapter } = context;
  const body = part(context, "compare-body");
  const tables = await colourMaps(lightwell);
  const noun = nounOf(model);
  const isDigits = readsDigits(model);

  const toggle = make("input", { type: "checkbox" });
  const samples = make("div", {
    class: "compare-samples",
    role: "group",
    "aria-label": "Second digit: a test sample",
    hidden: !isDigits,
  });
  const holdButton = make("button", { type: "button" }, `Hold the current ${noun} as B`);
  const swapButton = make("button", { type: "button" }, "Swap A and B");
  const warning = make("p", { class: "warning", hidden: true });
  const sides = ["A", "B"].map((name) => side(name, context));
  const maps = new ComparedMaps(context, tables);
  const strip = differingChannels(context, tables);
  const controls = make(
    "div",
    { class: "compare-controls" },
    samples,
    make("div", { class: "row" }, holdButton, swapButton),
  );
  const pair = make("div", { class: "compare-pair" }, ...sides.map(({ element }) => element));
  const results = make("div", { class: "compare-results" }, maps.element, strip.element);
  const comparison = make("div", { class: "compare-shown" }, pair, results);
  const content = make("div", {}, controls, warning, comparison);
  body.replaceChildren(make("label", { class: "row" }, toggle, `Compare with a second ${noun}`), content);
  body.closest(".panel")?.querySelector("header")?.append(maps.files);

  /** @type {Answer | null} */
  let second = null;
  /** @type {Sample[]} */
  let candidates = [];
  let lastQuery = "";

  const layers = () => Array.from(image.answer?.tensors.keys() ?? []).filter((name) => name !== INPUT_TENSOR);

  const send = latestRequest(
    async (/** @type {string[]} */ names, signal) => {
      const { input, preprocess } = await secondInput(context, signal);
      const parameters = { ...image.parameters, preprocess, layers: names, reduce: reduceOf(model, names) };
      return lightwell.ask(model.name, "activations", { input, parameters, signal });
    },
    (answer) => {
      second = answer;
      warning.hidden = true;
      render();
      announce(`Second ${noun}: the network predicts ${answer.prediction.name}.`);
    },
    (error) => {
      lastQuery = "";
      second = null;
      warning.textContent = error.message;
      warning.hidden = false;
      render();
    },
  );

  /** Request the second picture, unless it and its layers are those of the last request. */
  function request() {
    const { state } = store;
    if (!state.compare || !image.answer || !hasSecond(state)) return;
    const query = JSON.stringify([state.otherSample, state.otherPixels, image.parameters, layers()]);
    if (query === lastQuery) return;
    lastQuery = query;
    void send(layers());
  }

  function render() {
    const first = image.answer;
    comparison.hidden = !first || !second;
    maps.files.hidden = comparison.hidden || !store.state.compare;
    if (!first || !second) return;
    [first, second].forEach((answer, at) => sides[at].show(answer));
    maps.show(first, second, selectedChannel(model, store.state));
    strip.show(first, second);
  }

  async function loadSamples() {
    if (candidates.length || !isDigits) return;
    candidates = (await lightwell.get("/samples", { count: 10 })).samples;
    samples.replaceChildren(
      ...candidates.map(({ index, label }) => {
        const picture = make("img", { src: addressOf(`/samples/${index}.png`), alt: "", width: 28, height: 28 });
        reloadWhenRefused(picture, chapter);
        const button = make(
          "button",
          { type: "button", "aria-label": `Compare with a ${label}, test image ${index}` },
          picture,
        );
        button.addEventListener("click", () => store.set({ otherSample: index, otherPixels: "" }));
        return button;
      }),
    );
  }

  async function update() {
    const { state } = store;
    toggle.checked = state.compare;
    content.hidden = !state.compare;
    render();
    if (!state.compare) return;
    try {
      await loadSamples();
    } catch (error) {
      warning.textContent = /** @type {Error} */ (error).message;
      warning.hidden = false;
    }
    if (!hasSecond(store.state)) {
      // Another label than the first digit's, so that there is a difference to see.
      const other = candidates.find(({ label }) => label !== image.answer?.prediction.label);
      if (other) store.set({ otherSample: other.index });
      warning.textContent = `Hold the current ${noun} as B, then choose another one to compare it with.`;
      warning.hidden = isDigits;
      return;
    }
    candidates.forEach(({ index }, at) => {
      const isChosen = !store.state.otherPixels && index === store.state.otherSample;
      samples.children[at].setAttribute("aria-pressed", String(isChosen));
    });
    request();
  }

  toggle.addEventListener("change", () => store.set({ compare: toggle.checked }));
  holdButton.addEventListener("click", () => {
    if (!image.answer) return;
    store.set({ otherSample: -1, otherPixels: pixelsToText(image.answer.input.pixels) });
    announce(`Held as the second ${noun}. Now draw or choose another ${noun}.`);
  });
  swapButton.addEventListener("click", () => {
    if (image.answer && hasSecond(store.state)) store.set(swapped(store.state, image.answer.input.pixels));
  });
  store.on(["compare", "otherSample", "otherPixels"], () => void update());
  store.on(["layer", "channel", "y", "x"], render);
  image.onAnswer(() => {
    void update();
    render();
  });
}

/**
 * Make one side: the network's input and its prediction.
 * @param {string} name
 * @param {import("../context.js").Context} context
 */
function side(name, { model }) {
  const noun = nounOf(model);
  const picture = new PixelMap(`${noun[0].toUpperCase()}${noun.slice(1)} ${name} as the network sees it`);
  const place = make("div");
  const bars = probabilityBars(place, model.classes);
  const title = make("h3");
  const element = make("section", { class: "compare-side" }, title, make("div", {}, picture.element, place));
  /** @param {Answer} answer */
  function show({ input, prediction }) {
    title.textContent = `${name}: ${prediction.name}`;
    picture.showColours(input.pixels);
    bars.update(prediction);
  }
  return { element, show };
}
