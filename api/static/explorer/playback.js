/** Playback: buttons, a slider and a speed that move through numbered places. */

import { isShortcut, make, makeSvg } from "../sdk/dom.js";

const SECOND_MS = 1000;

/** Least time between two frames; faster playback skips places. */
const FRAME_MS = 33;

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
 * @typedef {object} Track
 * @property {string} noun Of a place, such as step.
 * @property {() => number} end Last place; the first one is 0.
 * @property {() => number} at Current place.
 * @property {(place: number) => void} move Makes a place the current one.
 * @property {(place: number) => string} describe Text for screen readers; announced after a step and a pause, not while it plays.
 * @property {() => string} write Visible text of the current place.
 * @property {number[]} speeds Places a second; there is no choice of a single one.
 * @property {number} speed The first of them.
 * @property {() => boolean} [isReady] Whether playback may move on: what belongs to the current place is shown. Always where left out.
 * @property {boolean} [isStill] Whether nothing plays: steps and slider alone.
 */

/**
 * Make the controls.
 * @param {Pick<import("./context.js").Context, "announce" | "signal">} context
 * @param {Track} track
 * @returns {{ element: HTMLElement, show: () => void, pause: () => void, toggle: () => void, go: (place: number) => void }}
 *   `show` writes the current place, `go` moves to one and announces it, `toggle` plays or pauses.
 */
export function playback({ announce, signal }, { noun, end, at, move, describe, write, speeds, speed, isReady = () => true, isStill = false }) {
  let timer = 0;

  /** @param {number} place */
  function go(place) {
    pause();
    move(Math.min(end(), Math.max(0, place)));
    announce(describe(at()));
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    show();
  }

  function start() {
    if (isStill) return;
    if (at() >= end()) move(0);
    clearInterval(timer);
    const wait = Math.max(SECOND_MS / Number(rate.value), FRAME_MS);
    const stride = Math.max(1, Math.round((Number(rate.value) * wait) / SECOND_MS));
    timer = setInterval(() => {
      // Another view is shown.
      if (!element.checkVisibility()) return pause();
      if (!isReady()) return;
      move(Math.min(end(), at() + stride));
      if (at() < end()) return;
      pause();
      announce(describe(at()));
    }, wait);
    show();
  }

  const toggle = () => (timer ? go(at()) : start());
  const first = control("first", `First ${noun}`, () => go(0));
  const back = control("back", `Previous ${noun}`, () => go(at() - 1));
  const play = control("play", "Play", toggle);
  play.classList.add("play");
  const next = control("next", `Next ${noun}`, () => go(at() + 1));
  const last = control("last", `Last ${noun}`, () => go(end()));
  const title = noun[0].toUpperCase() + noun.slice(1);
  const slider = make("input", { type: "range", min: "0", class: "step-slider", "aria-label": title });
  slider.addEventListener("input", () => {
    const place = Number(slider.value);
    pause(); // it also sets the slider back to the old place, so read the new one before
    move(place);
  });
  const options = speeds.map((each) => make("option", { value: String(each), selected: each === speed }, `${each} a second`));
  const rate = make("select", {}, ...options);
  rate.addEventListener("change", () => timer && start());
  const text = make("output", { class: "number step-text" });

  function show() {
    const place = at();
    slider.max = String(end());
    slider.value = String(place);
    slider.setAttribute("aria-valuetext", describe(place));
    text.textContent = write();
    const focused = document.activeElement;
    first.disabled = back.disabled = place <= 0;
    next.disabled = last.disabled = place >= end();
    // A button that is disabled would lose the focus to the page.
    if ([first, back, next, last].some((one) => one === focused && one.disabled)) slider.focus();
    play.setAttribute("aria-label", timer ? "Pause" : "Play");
    play.title = timer ? "Pause" : "Play";
    play.replaceChildren(icon(timer ? "pause" : "play"));
  }
  signal.addEventListener("abort", () => clearInterval(timer));
  const keys = [first, back, ...(isStill ? [] : [play]), next, last];
  const element = make(
    "div",
    { class: "row transport" },
    make("div", { class: "keys", role: "group", "aria-label": `${title}s` }, ...keys),
    slider,
    text,
    ...(isStill || speeds.length < 2 ? [] : [make("label", { class: "quiet" }, "Speed ", rate)]),
  );
  return { element, show, pause, toggle, go };
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

/** Places that a key moves by, with the places of a row. @type {Record<string, (columns: number) => number>} */
const MOVES = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: (columns) => columns,
  ArrowUp: (columns) => -columns,
  Home: () => -Infinity,
  End: () => Infinity,
};

/**
 * Move by keys: Space plays, arrow keys step, Escape closes. Maps, bars and the slider use arrow keys themselves.
 * @param {HTMLElement} panel
 * @param {{ go: (place: number) => void, toggle: () => void, at: () => number, columns: () => number, leave: () => void }} controls
 */
export function moveByKeys(panel, { go, toggle, at, columns, leave }) {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (isShortcut(event)) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const isKeyed = target.matches("select, input, [role=application], [role=slider]");
    if (event.key === "Escape") leave();
    else if (event.key === " " && !target.matches("button, select")) toggle();
    else if (!isKeyed && event.key in MOVES) go(at() + MOVES[event.key](columns()));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  panel.addEventListener("keydown", onKey, { capture: true });
}
