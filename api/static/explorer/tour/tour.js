/** Tour: the steps of a network's tour, each a state of the page, an outlined element, a sentence and an action. */

import { sheet } from "../../sdk/dom.js";
import { FAMILIES, modelsOf } from "../families.js";
import { PRESENTER } from "./presenter-style.js";
import { TourCard } from "./tour-card.js";
import { listenToKeys } from "./tour-keys.js";
import { TourOutline } from "./tour-outline.js";
import { isDone, isPlain, stateAt } from "./tour-state.js";
import { STYLE } from "./tour-style.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("./tour-state.js").Step} Step */

/**
 * @typedef {object} Page
 * @property {import("../../sdk/client.js").Lightwell} lightwell
 * @property {import("../store.js").Store} store
 * @property {(text: string) => void} announce
 * @property {import("../context.js").Model[]} models
 */

/**
 * Show the tour of the state from now on.
 * @param {Page} page
 * @param {string} fragment Address by which the tour was opened.
 */
export function mountTour(page, fragment) {
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet(STYLE), sheet(PRESENTER)];
  /** @type {OpenTour | null} */
  let open = null;
  let first = fragment;
  page.store.on(["tour", "view", "imageModel", "sequenceModel"], (state) => {
    const model = state.tour > 0 ? modelOf(state, page.models) : undefined;
    if (open && open.model !== model) {
      open.close();
      open = null;
    }
    if (model) void (open ??= new OpenTour(page, model)).enter(first);
    else if (state.tour !== 0) page.store.set(ENDED);
    first = "";
  });
}

const ENDED = { tour: 0, present: false };

/** Model of a state that has a tour. @param {State} state @param {import("../context.js").Model[]} models */
function modelOf(state, models) {
  const family = FAMILIES.find(({ id }) => id === state.view);
  if (!family) return undefined;
  const known = modelsOf(family, models);
  const model = known.find(({ name }) => name === state[family.key]) ?? known[0];
  return model?.tour ? model : undefined;
}

/** Tour of one model that is open. */
class OpenTour {
  #page;
  #card;
  #outline;
  #steps;
  #controller = new AbortController();
  #react = () => this.#showState();

  /** @param {Page} page @param {import("../context.js").Model} model */
  constructor(page, model) {
    this.#page = page;
    this.model = model;
    const controls = {
      go: (/** @type {number} */ by) => this.#go(by),
      present: () => this.#present(!page.store.state.present),
      end: () => this.#end(),
    };
    this.#card = new TourCard(controls);
    this.#outline = new TourOutline(this.#card.element);
    listenToKeys(this.#card.element, { ...controls, isPresenting: () => page.store.state.present }, this.#controller.signal);
    /** @type {Promise<Step[]>} */
    this.#steps = page.lightwell.get(`/models/${model.name}/tour`).then(({ steps }) => steps);
    this.#card.focus();
    page.store.on(/** @type {import("../state.js").Key[]} */ (Object.keys(page.store.state)), this.#react);
  }

  /** Enter the step of the state. @param {string} fragment Address of the step; empty for that of the page. */
  async enter(fragment) {
    const { store, announce } = this.#page;
    await null; // until the store has written the address of this step
    const isToBeSet = isPlain(fragment || store.fragment, store.state.view);
    try {
      const steps = await this.#steps;
      if (this.#controller.signal.aborted) return;
      const number = Math.min(Math.max(store.state.tour, 1), steps.length);
      if (number !== store.state.tour) return store.set({ tour: number });
      const step = steps[number - 1];
      if (isToBeSet) store.set(stateAt(store.state.view, step));
      this.#card.show(step, number, steps.length);
      this.#outline.show(store.state.view, step.outline);
      this.#showState();
    } catch (error) {
      announce(`The tour could not be loaded: ${/** @type {Error} */ (error).message}`);
      store.set(ENDED);
    }
  }

  async #showState() {
    const { state } = this.#page.store;
    document.documentElement.toggleAttribute("data-present", state.present);
    this.#card.showPresenting(state.present);
    const steps = await this.#steps.catch(() => []);
    const step = steps[state.tour - 1];
    if (step && !this.#controller.signal.aborted) this.#card.showDone(isDone(this.#page.store.state, step), state.tour === steps.length);
  }

  /** @param {number} by */
  async #go(by) {
    const { store } = this.#page;
    const number = store.state.tour + by;
    const step = (await this.#steps)[number - 1];
    if (step) store.set({ ...stateAt(store.state.view, step), tour: number });
  }

  /** @param {boolean} present */
  #present(present) {
    this.#page.store.set({ present });
    this.#page.announce(present ? "Presenter mode: the arrow keys change the step, Escape leaves." : "Presenter mode is off.");
    this.#card.focus();
  }

  #end() {
    this.#page.store.set(ENDED);
    const section = document.getElementById(this.#page.store.state.view);
    /** @type {HTMLElement | null} */ (section?.querySelector(".tour-start"))?.focus({ preventScroll: true });
  }

  close() {
    this.#controller.abort();
    this.#page.store.off(this.#react);
    document.documentElement.removeAttribute("data-present");
    this.#outline.end();
    this.#card.remove();
  }
}
