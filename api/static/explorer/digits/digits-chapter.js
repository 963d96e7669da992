/** Digits: the chapter on the network that reads handwritten digits. */

import { make } from "/sdk/dom.js";
import { formatPercent } from "/sdk/number-format.js";
import { probabilityBars } from "../probability-bars.js";
import { codePanel } from "../request-code.js";
import { mountCompare } from "./compare.js";
import { digitOf, layersOf } from "./current-digit.js";
import { downloads } from "../downloads.js";
import { mountFilters } from "./filters.js";
import { mountInspector } from "./inspector.js";
import { mountNetwork } from "./network.js";
import { mountPicture } from "./picture-input.js";
import { loadWhenNear } from "../lazy-panels.js";
import { mountSeen } from "./network-input.js";

/** @typedef {import("./current-digit.js").Digit} Digit */

/**
 * Fill the chapter.
 * @param {import("../context.js").Context} context
 */
export async function mountDigits(context) {
  const { store, cnn } = context;
  /** @type {unknown[]} */
  let asked = [];

  const picture = await mountPicture(context);
  const { digit, ask, askSoon } = digitOf(context, picture.source, picture.refused);

  /** Ask, unless exactly this was asked last. */
  function askOnce() {
    const { preprocess, palette, range } = store.state;
    const settings = JSON.stringify([preprocess, palette, range, layersOf(store.state, cnn)]);
    const question = [picture.key(), settings];
    if (question.every((part, at) => part === asked[at])) return;
    asked = question;
    void ask();
  }

  digit.onAnswer(({ input }) => picture.answered(input.pixels));
  mountSeen(context, digit);
  mountAnswer(context, digit);
  mountNetwork(context, digit);
  void mountInspector(context, digit);
  void mountFilters(context);
  void mountCompare(context, digit);
  loadWhenNear("why", async () => (await import("./pixel-attribution.js")).mountWhy(context, digit));
  loadWhenNear("what-if", async () => (await import("./channel-interventions.js")).mountWhatIf(context, digit));
  loadWhenNear("layers", async () => (await import("../server-pictures.js")).mountViews(context, "layers-body", "layersView"));
  loadWhenNear("unit", async () => (await import("./channel-preferences.js")).mountUnit(context));
  mountCode(context, digit);
  picture.listen({ changed: askOnce, drawing: askSoon });
  store.on(["preprocess", "palette", "range", "before", "layer"], askOnce);
}

/**
 * Fill the panel `answer`.
 * @param {import("../context.js").Context} context
 * @param {Digit} digit
 */
function mountAnswer({ cnn, announce }, digit) {
  const container = /** @type {Element} */ (document.getElementById("digit-bars"));
  const bars = probabilityBars(container, cnn.classes);
  const warnings = make("ul", { class: "warnings" });
  container.after(warnings);
  const menu = downloads(() => digit.describe("predict", { cmap: null, range: null }));
  container.closest(".panel")?.querySelector("header")?.append(menu);

  let said = "";
  digit.onAnswer(({ prediction, warnings: doubts }) => {
    bars.update(prediction);
    warnings.replaceChildren(...doubts.map(({ message }) => make("li", { class: "warning" }, message)));
    // Not with every stroke: only when there is something new to say.
    const news = doubts[0]?.message ?? `The network sees a ${prediction.name}`;
    if (news !== said) announce(doubts.length ? news : `${news}, ${formatPercent(prediction.probabilities[prediction.label])}.`);
    said = news;
  });
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
