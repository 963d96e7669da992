/**
 * Tour outline: a frame around one element of the page, which is kept in view until the reader scrolls.
 *
 * The frame is outside of the element, so that it crosses none of its text; a part with less room around it sets
 * `--outline-gap`, which is negative where the part has room inside.
 */

import { elementOf } from "./tour-parts.js";

const MARGIN = 12;

/** Input of the reader after which the page no longer scrolls to the element. */
const OWN_MOVES = ["wheel", "touchmove", "pointerdown", "keydown"];

/** Outline of one part of a view; the element may be made later, or again. */
export class TourOutline {
  #view = "";
  #part = "";
  /** @type {HTMLElement | null} */
  #element = null;
  #isFollowing = false;
  #frame = 0;
  #card;
  #controller = new AbortController();
  #sizes = new ResizeObserver(() => this.#updateSoon());
  #changes = new MutationObserver(() => this.#updateSoon());

  /** @param {HTMLElement} card Card at the lower end of the window, which covers part of the page. */
  constructor(card) {
    this.#card = card;
    const main = /** @type {HTMLElement} */ (document.getElementById("main"));
    const { signal } = this.#controller;
    for (const one of [main, card]) this.#sizes.observe(one);
    this.#changes.observe(main, { childList: true, subtree: true, attributeFilter: ["hidden"] });
    for (const type of OWN_MOVES) main.addEventListener(type, () => (this.#isFollowing = false), { signal, passive: true, capture: true });
    addEventListener("resize", () => this.#updateSoon(), { signal });
  }

  /** Outline a part of a view, and bring it into view. @param {string} view @param {string} part */
  show(view, part) {
    this.#view = view;
    this.#part = part;
    this.#isFollowing = true;
    this.#update();
  }

  end() {
    this.#controller.abort();
    this.#sizes.disconnect();
    this.#changes.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#mark(null);
  }

  #updateSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#update());
  }

  #update() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const element = elementOf(this.#view, this.#part);
    this.#mark(element);
    if (element && this.#isFollowing) this.#bringIntoView(element);
  }

  /** @param {HTMLElement | null} element */
  #mark(element) {
    if (element === this.#element) return;
    if (this.#element) {
      this.#sizes.unobserve(this.#element);
      this.#element.style.outline = this.#element.style.outlineOffset = "";
      delete this.#element.dataset.toured;
    }
    this.#element = element;
    if (!element) return;
    this.#sizes.observe(element);
    // By its own style: a rule of the page has no effect within the shadow tree of an element.
    element.style.outline = "3px solid var(--accent)";
    element.style.outlineOffset = "var(--outline-gap, 5px)";
    element.dataset.toured = "";
  }

  /** Scroll so that the element is between the header and the card. @param {HTMLElement} element */
  #bringIntoView(element) {
    element.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { top, bottom, height } = element.getBoundingClientRect();
    const header = /** @type {HTMLElement} */ (document.querySelector(".top"));
    const first = (getComputedStyle(header).position === "sticky" ? header.offsetHeight : 0) + MARGIN;
    const last = this.#card.getBoundingClientRect().top - MARGIN;
    if (top >= first && bottom <= last) return;
    scrollBy({ top: height > last - first ? top - first : (top + bottom - first - last) / 2, behavior: "instant" });
  }
}
