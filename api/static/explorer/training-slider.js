/** Training slider: moves a view through the points of its network's training, from before it to the trained network. */

import { make } from "../sdk/dom.js";
import { formatPercent } from "../sdk/number-format.js";
import { CHECKPOINT_OF, checkpointOf, checkpointText, roundsOf } from "./checkpoints.js";
import { playback } from "./playback.js";

/** @typedef {import("./context.js").Model} Model */

/** Height of the page's header, below which the slider floats. */
const HEADER = "48px";

/**
 * Fill the place of the slider; while another point than the last is shown, it floats above the panels that are scrolled to.
 * @param {import("./context.js").Context} context
 * @param {HTMLElement} place
 */
export function mountTrainingSlider(context, place) {
  const { store, model, root, signal } = context;
  const key = CHECKPOINT_OF[model.input];
  const points = [...roundsOf(model), null];
  const shown = () => checkpointOf(model, store.state);
  // Weights of another training are no point of this one.
  const at = () => (points.includes(shown()) ? points.indexOf(shown()) : points.length - 1);
  const text = () => [checkpointText(model, shown()), ...accuracyOf(model, shown(), "accuracy").map((one) => one.replaceAll(" ", "\u00a0"))].join(" · ");
  const sentence = () => [checkpointText(model, shown()), ...accuracyOf(model, shown(), "of the held-out images right")].join(", ");
  const { element, show } = playback(context, {
    noun: "training point",
    end: () => points.length - 1,
    at,
    move: (point) => store.set({ [key]: points[point] ?? "" }),
    describe: sentence,
    write: text,
    speeds: [1],
    speed: 1,
    isReady: () => !root.classList.contains("is-stale"),
    isStill: matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", "Training");
  place.replaceChildren(make("div", { class: "training-bar" }, make("span", { class: "training-name" }, "Training"), element));
  store.on([key], () => {
    place.classList.toggle("is-chosen", shown() !== null);
    show();
  });
  const observer = new IntersectionObserver(
    (entries) => {
      const isAway = !entries[entries.length - 1].isIntersecting;
      if (isAway && place.offsetHeight) place.style.minHeight = `${place.offsetHeight}px`;
      place.classList.toggle("is-away", isAway);
    },
    { rootMargin: `-${HEADER} 0px 0px` },
  );
  observer.observe(place);
  signal.addEventListener("abort", () => observer.disconnect());
}

/** Accuracy at a point of the training, where it was measured. @param {Model} model @param {string | null} name @param {string} words */
function accuracyOf({ training }, name, words) {
  const { validation_accuracy: share } = (name === null ? training.metrics : training.checkpoints?.[name]) ?? {};
  return typeof share === "number" ? [`${formatPercent(share)} ${words}`] : [];
}
