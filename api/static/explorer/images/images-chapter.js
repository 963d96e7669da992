/** Images chapter: the picture and the answer to it, and then the other panels of a network of images, which are loaded after the first answer. */

import { make } from "../../sdk/dom.js";
import { formatPercent } from "../../sdk/number-format.js";
import { checkpointOf } from "../checkpoints.js";
import { part } from "../context.js";
import { addLinks } from "../lazy-panels.js";
import { convolutionsOf, imageInput, readsDigits } from "../model-facts.js";
import { probabilityBars } from "../probability-bars.js";
import { DEFAULTS } from "../state.js";
import { mountTabs } from "../tabs.js";
import { currentImage, layersOf } from "./current-image.js";
import { mountPictureInput } from "./picture-input.js";
import { pixelsFromText } from "./pixels.js";
import { contrastingChannel, selectedChannel } from "./shown-layers.js";

/** @typedef {import("./current-image.js").CurrentImage} CurrentImage */

const UNMEASURED =
  "How often the network is right about pictures with a warning was not measured: its probabilities say nothing about it.";

const UNKNOWN_THEN = "How often such a probability is right was measured for the trained network alone.";

/** State values that name layers, channels or labels of one network. */
const OF_THE_NETWORK = /** @type {const} */ ([
  "layer", "channel", "y", "x", "forward", "panel", "filters", "checkpoint", "target", "against", "camLayer", "edits", "layersView", "mapAcross", "mapUpward", "mapClass",
  "find", "otherLayer", "otherChannel", "otherCheckpoint", "otherModel",
]);

/** Chapter of the networks of images. @type {import("../chapter.js").Chapter} */
export const IMAGES = {
  describe(model) {
    const kind = readsDigits(model) ? "digits" : imageInput(model).channels === 1 ? "grey" : "colour";
    return [kind, kind === "digits" ? "digits" : "pictures", ...(kind === "colour" ? [] : ["pad"])];
  },
  reset: ({ pixels, otherPixels }, model) => ({
    ...Object.fromEntries(OF_THE_NETWORK.map((key) => [key, DEFAULTS[key]])),
    // Pixels of an input of another size would be no picture at all.
    ...(pixelsFromText(pixels, imageInput(model)) ? {} : { pixels: "", sample: DEFAULTS.sample }),
    ...(pixelsFromText(otherPixels, imageInput(model)) ? {} : { otherPixels: "" }),
  }),
  mount: mountImages,
};

/**
 * Fill the chapter.
 * @param {import("../context.js").Context} context
 */
async function mountImages(context) {
  const { store, model, signal } = context;
  /** @type {unknown[]} */
  let lastQuery = [];
  let answered = Promise.resolve();
  let { strokes: lastStrokes, checkpoint: lastCheckpoint } = store.state;

  const picture = await mountPictureInput(context);
  const { image, request, requestSoon, requestDrawn, requestSlid, requestExact } = currentImage(context, picture.source, picture.showRefusal);

  /** Send a request, unless picture and settings are those of the last one. */
  function requestIfChanged() {
    const { preprocess, palette, range, checkpoint } = store.state;
    const settings = JSON.stringify([preprocess, palette, range, checkpoint, layersOf(store.state, model)]);
    const query = [picture.key(), settings];
    if (query.every((part, at) => part === lastQuery[at])) return;
    lastQuery = query;
    const { strokes } = store.state;
    const isStroke = strokes !== "" && strokes !== lastStrokes;
    const isSlid = checkpoint !== lastCheckpoint;
    [lastStrokes, lastCheckpoint] = [strokes, checkpoint];
    // Differences are of exact values.
    const isDrawn = panel("compare")?.hidden !== false;
    answered = isDrawn && isStroke ? requestDrawn() : isDrawn && isSlid ? requestSlid() : request();
  }

  /** Request exact values before one can be read. @param {Event} event */
  function leavePad({ target }) {
    if (!(/** @type {Element} */ (target).closest("#draw, .training"))) requestExact();
  }

  /** Choose a channel worth seeing where the state has none. @param {Map<string, import("../../sdk/tensor.js").Tensor>} tensors */
  function chooseChannel(tensors) {
    const shown = tensors.get(selectedChannel(model, store.state).layer.name);
    if (store.state.channel < 0 && shown) store.set({ channel: contrastingChannel(shown) });
  }

  image.onAnswer(({ input, tensors }) => {
    picture.showAnswered(input.pixels);
    chooseChannel(tensors);
  });
  mountAnswer(context, image);
  const panel = (/** @type {string} */ id) => /** @type {HTMLElement | null} */ (context.root.querySelector(`#${id}`));
  if (!convolutionsOf(model).length) panel("filters")?.remove();
  mountTabs(context, "panel");
  picture.listen({ changed: requestIfChanged, drawing: requestSoon });
  store.on(["preprocess", "palette", "range", "before", "layer", "checkpoint"], requestIfChanged);
  store.on(["channel", "panel"], requestExact);
  // A step of the tour leaves the choice to the page; while another answer is awaited, that answer makes it.
  store.on(["channel"], () => image.answer && !context.root.classList.contains("is-stale") && chooseChannel(image.answer.tensors));
  for (const leaving of ["pointerover", "focusin"]) context.root.addEventListener(leaving, leavePad, { signal });
  // The connection is for the first answer alone until it is there, or refused.
  await Promise.race([answered, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
  if (signal.aborted) return;
  const [{ mountImagePanels }] = await Promise.all([import("./image-panels.js"), addLinks("later-styles"), addLinks("image-modules")]);
  if (!signal.aborted) mountImagePanels(context, image);
}

/**
 * Fill the panel `answer`.
 * @param {import("../context.js").Context} context
 * @param {CurrentImage} image
 */
function mountAnswer(context, image) {
  const { store, model, announce } = context;
  const container = part(context, "digit-bars");
  const bars = probabilityBars(container, model.classes, describeCalibration(model.training.calibration));
  const warnings = make("ul", { class: "warnings" });
  const meaning = make("p", { id: "reliability" });
  container.after(warnings, meaning);

  let announced = "";
  image.onAnswer(({ prediction, warnings: doubts }) => {
    const { calibrated, reliability } = prediction;
    // Of an image with a warning neither was measured: a large one would look like certainty.
    bars.update({ ...prediction, calibrated: reliability && calibrated });
    const isThen = Boolean(model.training.calibration) && checkpointOf(model, store.state) !== null;
    const words = reliability?.sentence ?? (calibrated ? UNMEASURED : isThen ? UNKNOWN_THEN : "");
    meaning.textContent = words.replaceAll(/(\d) %/g, "$1\u00a0%");
    warnings.replaceChildren(...doubts.map(({ message }) => make("li", { class: "warning" }, message)));
    // Announced only when the prediction or the warning changes, not at every stroke.
    const message = doubts[0]?.message ?? `The network predicts ${prediction.name}`;
    if (message !== announced) announce(doubts.length ? message : `${message}, ${formatPercent(prediction.probabilities[prediction.label])}.`);
    announced = message;
  });
}

/**
 * Describe calibrated probabilities; undefined for weights without a temperature.
 * @param {{ temperature: number | null, validation_images: number } | undefined} calibration
 */
function describeCalibration(calibration) {
  if (!calibration?.temperature) return undefined;
  const { temperature, validation_images: images } = calibration;
  return `Softmax of logits / ${temperature}, the temperature that fits ${images.toLocaleString("en")} held-out images best`;
}
