/** Digits chapter: mounts the panels of the CNN. */

import { make } from "/sdk/dom.js";
import { formatPercent } from "/sdk/number-format.js";
import { downloads } from "../downloads.js";
import { loadWhenNear } from "../lazy-panels.js";
import { probabilityBars } from "../probability-bars.js";
import { codePanel } from "../request-code.js";
import { mountCompare } from "./compare.js";
import { currentDigit, layersOf } from "./current-digit.js";
import { mountFilters } from "./filters.js";
import { mountInspector } from "./inspector.js";
import { mountNetworkInput } from "./network-input.js";
import { mountNetwork } from "./network.js";
import { mountPictureInput } from "./picture-input.js";

/** @typedef {import("./current-digit.js").Digit} Digit */

const UNMEASURED =
  "How often the network is right about pictures with a warning was not measured: its probabilities say nothing about it.";

/**
 * Fill the chapter.
 * @param {import("../context.js").Context} context
 */
export async function mountDigits(context) {
  const { store, cnn } = context;
  /** @type {unknown[]} */
  let lastQuery = [];

  const picture = await mountPictureInput(context);
  const { digit, request, requestSoon } = currentDigit(context, picture.source, picture.showRefusal);

  /** Send a request, unless picture and settings are those of the last one. */
  function requestIfChanged() {
    const { preprocess, palette, range } = store.state;
    const settings = JSON.stringify([preprocess, palette, range, layersOf(store.state, cnn)]);
    const query = [picture.key(), settings];
    if (query.every((part, at) => part === lastQuery[at])) return;
    lastQuery = query;
    void request();
  }

  digit.onAnswer(({ input }) => picture.showAnswered(input.pixels));
  mountNetworkInput(context, digit);
  mountAnswer(context, digit);
  mountNetwork(context, digit);
  void mountInspector(context, digit);
  void mountFilters(context);
  void mountCompare(context, digit);
  loadWhenNear("why", async () => (await import("./pixel-attribution.js")).mountPixelAttribution(context, digit));
  loadWhenNear("what-if", async () => (await import("./channel-interventions.js")).mountChannelInterventions(context, digit));
  loadWhenNear("layers", async () => (await import("../server-pictures.js")).mountServerPictures(context, "layers-body", "layersView"));
  loadWhenNear("unit", async () => (await import("./channel-preferences.js")).mountChannelPreferences(context));
  mountCode(context, digit);
  picture.listen({ changed: requestIfChanged, drawing: requestSoon });
  store.on(["preprocess", "palette", "range", "before", "layer"], requestIfChanged);
}

/**
 * Fill the panel `answer`.
 * @param {import("../context.js").Context} context
 * @param {Digit} digit
 */
function mountAnswer({ cnn, announce }, digit) {
  const container = /** @type {Element} */ (document.getElementById("digit-bars"));
  const bars = probabilityBars(container, cnn.classes, describeCalibration(cnn.training.calibration));
  const warnings = make("ul", { class: "warnings" });
  const meaning = make("p", { id: "reliability" });
  container.after(warnings, meaning);
  const menu = downloads(() => digit.describe("predict", { cmap: null, range: null }));
  container.closest(".panel")?.querySelector("header")?.append(menu);

  let announced = "";
  digit.onAnswer(({ prediction, warnings: doubts }) => {
    const { calibrated, reliability } = prediction;
    // Of an image with a warning neither was measured: a large one would look like certainty.
    bars.update({ ...prediction, calibrated: reliability && calibrated });
    const words = reliability?.sentence ?? (calibrated ? UNMEASURED : "");
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

/**
 * Fill the panel `digit-code`.
 * @param {import("../context.js").Context} context
 * @param {Digit} digit
 */
function mountCode({ store, cnn }, digit) {
  const container = /** @type {Element} */ (document.getElementById("digit-code-body"));
  const code = codePanel(container, () =>
    digit.answer ? digit.describe("activations", { layers: layersOf(store.state, cnn) }) : null,
  );
  digit.onAnswer(() => code.update());
}
