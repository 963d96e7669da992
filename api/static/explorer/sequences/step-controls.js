/** Step controls: buttons, slider and playback of the followed step. */

import { make, makeSvg } from "../../sdk/dom.js";
import { stepsOf } from "./sequence-kind.js";

const SPEEDS = [1, 2, 4, 8, 16];
const DEFAULT_SPEED = 4;
const SECOND_MS = 1000;

/** Shapes of a 16×16 icon. */
const ICONS = {
  first: "M3 3h2v10H3zM14 3v10L6 8z",
  back: "M12 3v10L4 8z",
  play: "M4 2.5v11L13.5 8z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  next: "M4 3v10l8-5z",
  last: "M11 3h2v10h-2zM2 3v10l8-5z",
};

/**
 * Make the controls of the step.
 * @param {import("../context.js").Context} context
 * @param {(step: number) => string} describe Text of a step for screen readers.
 * @returns {HTMLElement}
 */
export function stepControls({ store, model, announce, signal }, describe) {
  const end = () => stepsOf(model, store.state.sequence).length;
  let timer = 0;

  /** @param {number} step */
  function go(step) {
    pause();
    store.set({ step: Math.min(end(), Math.max(0, step)) });
    announce(describe(store.state.step));
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    show();
  }

  function start() {
    if (store.state.step >= end()) store.set({ step: 0 });
    clearInterval(timer);
    timer = setInterval(
      () => {
        // Another view is shown.
        if (!made.checkVisibility()) return pause();
        store.set({ step: store.state.step + 1 });
        if (store.state.step < end()) return;
        pause();
        announce(describe(store.state.step));
      },
      SECOND_MS / Number(speed.value),
    );
    show();
  }

  const first = control("first", "First step", () => go(0));
  const back = control("back", "Previous step", () => go(store.state.step - 1));
  const play = control("play", "Play", () => (timer ? go(store.state.step) : start()));
  const next = control("next", "Next step", () => go(store.state.step + 1));
  const last = control("last", "Last step", () => go(end()));
  const slider = make("input", { type: "range", min: "0", class: "step-slider", "aria-label": "Step" });
  slider.addEventListener("input", () => {
    const step = Number(slider.value);
    pause(); // it also sets the slider back to the old step, so read the new one before
    store.set({ step });
  });
  const options = SPEEDS.map((each) =>
    make("option", { value: String(each), selected: each === DEFAULT_SPEED }, `${each} a second`),
  );
  const speed = make("select", {}, ...options);
  speed.addEventListener("change", () => timer && start());
  const stepText = make("output", { class: "number step-text" });

  function show() {
    const { step } = store.state;
    slider.max = String(end());
    slider.value = String(step);
    slider.setAttribute("aria-valuetext", describe(step));
    stepText.textContent = `step ${step} of ${end()}`;
    first.disabled = back.disabled = step <= 0;
    next.disabled = last.disabled = step >= end();
    play.setAttribute("aria-label", timer ? "Pause" : "Play");
    play.title = timer ? "Pause" : "Play";
    play.replaceChildren(icon(timer ? "pause" : "play"));
  }
  store.on(["step", "sequence"], show);
  signal.addEventListener("abort", () => clearInterval(timer));
  // Otherwise playback would go on from the middle of the new sequence.
  store.on(["sequence"], pause);
  const made = make(
    "div",
    { class: "row transport" },
    make("div", { class: "keys", role: "group", "aria-label": "Steps" }, first, back, play, next, last),
    slider,
    stepText,
    make("label", { class: "quiet" }, "Speed ", speed),
  );
  return made;
}

/**
 * @param {keyof typeof ICONS} name
 * @param {string} label
 * @param {() => void} onClick
 */
function control(name, label, onClick) {
  const made = make("button", { type: "button", title: label, "aria-label": label }, icon(name));
  made.addEventListener("click", onClick);
  return made;
}

/** @param {keyof typeof ICONS} name */
function icon(name) {
  return makeSvg(
    "svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    makeSvg("path", { d: ICONS[name] }),
  );
}
