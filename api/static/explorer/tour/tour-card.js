/** Tour card: the sentence of a step, its action, and the controls of the tour. */

import { make } from "../../sdk/dom.js";

/**
 * @typedef {object} Controls
 * @property {(by: number) => void} go Goes on by as many steps.
 * @property {() => void} present Turns presenter mode on or off.
 * @property {() => void} end
 */

/** Card at the lower end of the window; before the views, so that the keyboard comes from it to them. */
export class TourCard {
  #place = make("p", { class: "tour-place number" });
  #text = make("p", { class: "tour-text" });
  #ask = make("p", { class: "tour-ask" });
  /** Of a step alone, not of the action: a screen reader then hears each of them once. */
  #says = make("div", { class: "tour-says", "aria-live": "polite", "aria-atomic": "true" }, this.#text, this.#ask);
  #status = make("p", { class: "tour-status", role: "status" });
  #back = make("button", { type: "button" }, "Back");
  #next = make("button", { type: "button", class: "tour-next" }, "Next");
  #present = make("button", { type: "button", class: "tour-present" }, "Present");
  #end = make("button", { type: "button", class: "tour-end" }, "End tour");
  element = make(
    "section",
    { class: "tour", id: "tour", tabIndex: -1, "aria-label": "Tour" },
    make("div", { class: "tour-head" }, this.#place, this.#status),
    this.#says,
    make("div", { class: "tour-controls" }, this.#back, this.#next, this.#present, this.#end),
  );

  /** @param {Controls} controls */
  constructor({ go, present, end }) {
    this.#back.addEventListener("click", () => go(-1));
    this.#next.addEventListener("click", () => go(1));
    this.#present.addEventListener("click", present);
    this.#end.addEventListener("click", end);
    document.getElementById("main")?.before(this.element);
  }

  /**
   * Show a step.
   * @param {import("./tour-state.js").Step} step
   * @param {number} number From 1 on.
   * @param {number} count Steps of the tour.
   */
  show({ text, ask }, number, count) {
    this.#place.textContent = `Step ${number} of ${count}`;
    this.#text.textContent = text;
    this.#ask.textContent = ask;
    this.#status.textContent = "";
    this.#back.disabled = number === 1;
    this.#next.disabled = number === count;
    if (document.activeElement === document.body) this.focus();
  }

  /** Show whether the action is done. @param {boolean} isDone @param {boolean} isLast */
  showDone(isDone, isLast) {
    this.element.classList.toggle("is-done", isDone);
    const text = isDone ? (isLast ? "Done. That was the last step." : "Done. Go on with Next.") : "";
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }

  /** @param {boolean} isPresenting */
  showPresenting(isPresenting) {
    this.#present.textContent = isPresenting ? "Leave presenter mode" : "Present";
  }

  focus() {
    this.element.focus({ preventScroll: true });
  }

  remove() {
    this.element.remove();
  }
}
