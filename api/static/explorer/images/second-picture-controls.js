/** Second-picture controls: test samples, the current picture held as B, and a swap of both. */

import { make } from "../../sdk/dom.js";
import { nounOf, readsDigits } from "../model-facts.js";
import { addressOf } from "../page-client.js";
import { reloadWhenRefused } from "../refused-picture.js";
import { pixelsToText } from "./pixels.js";
import { hasSecond, swapped } from "./second-picture.js";

/** @typedef {{ index: number, label: number }} Sample */

/**
 * Make the controls.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export function secondPictureControls({ lightwell, store, model, announce, signal }, image) {
  const noun = nounOf(model);
  const isDigits = readsDigits(model);
  const samples = make("div", { class: "compare-samples", role: "group", "aria-label": "Second digit: a test sample", hidden: !isDigits });
  const hold = make("button", { type: "button" }, `Hold the current ${noun} as B`);
  const swap = make("button", { type: "button" }, "Swap A and B");
  /** @type {Sample[]} */
  let candidates = [];

  /** Load the samples, and choose one where there is no second picture yet. */
  async function load() {
    if (isDigits && !candidates.length) {
      candidates = (await lightwell.get("/samples", { count: 10 })).samples;
      samples.replaceChildren(...candidates.map(sampleButton));
      mark();
    }
    if (hasSecond(store.state)) return;
    // Another label than the first digit's, so that there is a difference to see.
    const other = candidates.find(({ label }) => label !== image.answer?.prediction.label);
    if (other) store.set({ otherSample: other.index });
  }

  /** @param {Sample} sample */
  function sampleButton({ index, label }) {
    const picture = make("img", { src: addressOf(`/samples/${index}.png`), alt: "", width: 28, height: 28 });
    reloadWhenRefused(picture, signal);
    const button = make("button", { type: "button", "aria-label": `Compare with a ${label}, test image ${index}` }, picture);
    button.addEventListener("click", () => store.set({ otherSample: index, otherPixels: "" }));
    return button;
  }

  function mark() {
    const { otherPixels, otherSample } = store.state;
    candidates.forEach(({ index }, at) => {
      samples.children[at].setAttribute("aria-pressed", String(!otherPixels && index === otherSample));
    });
  }

  hold.addEventListener("click", () => {
    if (!image.answer) return;
    store.set({ otherSample: -1, otherPixels: pixelsToText(image.answer.input.pixels) });
    announce(`Held as the second ${noun}. Now draw or choose another ${noun}.`);
  });
  swap.addEventListener("click", () => {
    if (image.answer && hasSecond(store.state)) store.set(swapped(store.state, image.answer.input.pixels));
  });
  store.on(["otherSample", "otherPixels"], mark);
  const element = make("div", { class: "row" }, samples, make("div", { class: "row" }, hold, swap));
  return { element, load };
}
