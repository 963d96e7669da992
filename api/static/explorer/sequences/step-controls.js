/** Transport: step, play, pause and slide through the steps of a sequence. */

import { makeSvg, make } from "/sdk/dom.js";

const SPEEDS = [1, 2, 4, 8, 16];
const USUAL_SPEED = 4;
const MS = 1000;

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
 * @param {(step: number) => string} describe What is said of a step to those who listen.
 * @returns {HTMLElement}
 */
export function transport({ store, announce }, describe) {
  const end = () => store.state.sequence.length;
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
        store.set({ step: store.state.step + 1 });
        if (store.state.step < end()) return;
        pause();
        announce(describe(store.state.step));
      },
      MS / Number(speed.value),
    );
    show();
  }

  const first = control("first", "First step", () => go(0));
  const back = control("back", "One step back", () => go(store.state.step - 1));
  const play = control("play", "Play", () => (timer ? go(store.state.step) : start()));
  const next = control("next", "One step on", () => go(store.state.step + 1));
  const last = control("last", "Last step", () => go(end()));
  const slider = make("input", { type: "range", min: "0", class: "step-slider", "aria-label": "Step" });
  slider.addEventListener("input", () => {
    const step = Number(slider.value);
    pause(); // which puts the slider back to where the step still is
    store.set({ step });
  });
  const options = SPEEDS.map((each) =>
    make("option", { value: String(each), selected: each === USUAL_SPEED }, `${each} a second`),
  );
  const speed = make("select", {}, ...options);
  speed.addEventListener("change", () => timer && start());
  const said = make("output", { class: "number step-said" });

  function show() {
    const { step } = store.state;
    slider.max = String(end());
    slider.value = String(step);
    slider.setAttribute("aria-valuetext", describe(step));
    said.textContent = `step ${step} of ${end()}`;
    first.disabled = back.disabled = step <= 0;
    next.disabled = last.disabled = step >= end();
    play.setAttribute("aria-label", timer ? "Pause" : "Play");
    play.title = timer ? "Pause" : "Play";
    play.replaceChildren(icon(timer ? "pause" : "play"));
  }
  store.on(["step", "sequence"], show);
  // A sequence that changes under a running clock would be stepped through from its middle.
  store.on(["sequence"], pause);
  return make(
    "div",
    { class: "row transport" },
    make("div", { class: "keys", role: "group", "aria-label": "Steps" }, first, back, play, next, last),
    slider,
    said,
    make("label", { class: "quiet" }, "Speed ", speed),
  );
}

/**
 * @param {keyof typeof ICONS} name
 * @param {string} said
 * @param {() => void} act
 */
function control(name, said, act) {
  const made = make("button", { type: "button", title: said, "aria-label": said }, icon(name));
  made.addEventListener("click", act);
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
