/** Store: the state of the page, its listeners, and its way into the URL and the browser's history. */

import { hasValues, keysOf, NETWORK_OF, read, write } from "./address.js";

const WRITE_MS = 200;

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Key} Key */
/** @typedef {import("./address.js").Named} Named */

/** @typedef {Pick<Store, "state" | "set" | "on" | "link" | "keep">} StateStore */

/** Store of the page's state: calls listeners on changes, and writes the URL; another view, network or step of a tour is a step of its history. */
export class Store {
  /** @type {State} */
  #state;
  #models;
  #views;
  /** @type {{ keys: Key[], listener: (state: State) => void }[]} */
  #listeners = [];
  #timer = 0;
  /** The fragment that was last read or written. */
  #fragment = location.hash;

  /** @param {Named[]} models Resident networks. @param {string[]} views Those that the page has, the first by default. */
  constructor(models, views) {
    this.#models = models;
    this.#views = views;
    this.#state = this.#read();
    history.replaceState({ isOfPage: true }, "");
    addEventListener("popstate", ({ state }) => state?.isOfPage && this.#return());
    addEventListener("hashchange", () => location.hash !== this.#fragment && this.#follow());
  }

  /** A copy of the current state. */
  get state() {
    return { ...this.#state };
  }

  /** The fragment that was last read or written. */
  get fragment() {
    return this.#fragment;
  }

  /**
   * Change some values; each listener of a changed value is called once.
   * @param {Partial<State>} changes
   */
  set(changes) {
    const next = { ...this.#state, ...changes };
    if (placeOf(next) === placeOf(this.#state)) return this.#change(changes);
    this.keep();
    this.#change(changes);
    history.pushState({ isOfPage: true }, "", this.link);
    this.#fragment = location.hash;
  }

  /** State of the URL. */
  #read() {
    const state = read(location.hash, this.#models);
    return this.#views.includes(state.view) ? state : { ...state, view: this.#views[0] ?? "" };
  }

  /** Follow a link to another state, or a view that was typed: it changes nothing but the place. */
  #follow() {
    this.#fragment = location.hash;
    const found = this.#read();
    const { view, imageModel, sequenceModel, tour, present } = found;
    const place = { view, tour, present, ...(view === "digits" ? { imageModel } : view === "sequences" ? { sequenceModel } : {}) };
    this.#change(!location.hash || hasValues(location.hash) ? found : place);
    this.#writeSoon();
  }

  /** Return to a view of the browser's history; settings and the other views stay as they are. */
  #return() {
    this.#fragment = location.hash;
    const found = this.#read();
    const isSame = placeOf({ ...this.#state, view: found.view }) === placeOf(found);
    const own = isSame ? [] : keysOf(found.view).map((key) => [key, found[key]]);
    this.#change({ view: found.view, tour: found.tour, present: found.present, ...Object.fromEntries(own) });
    this.#writeSoon();
  }

  /** @param {Partial<State>} changes */
  #change(changes) {
    const keys = /** @type {Key[]} */ (Object.keys(changes));
    const changed = keys.filter((key) => changes[key] !== this.#state[key]);
    if (!changed.length) return;
    this.#state = { ...this.#state, ...changes };
    this.#writeSoon();
    for (const one of [...this.#listeners]) {
      // A listener before it may have removed it, with its chapter.
      if (changed.some((key) => one.keys.includes(key)) && this.#listeners.includes(one)) one.listener(this.state);
    }
  }

  /**
   * Call a function now, and whenever one of these values changes.
   * @param {Key[]} keys
   * @param {(state: State) => void} listener
   */
  on(keys, listener) {
    this.#listeners.push({ keys, listener });
    listener(this.state);
  }

  /** Remove a listener. @param {(state: State) => void} listener */
  off(listener) {
    this.#listeners = this.#listeners.filter((one) => one.listener !== listener);
  }

  /** URL of the current state. */
  get link() {
    return this.linkTo({});
  }

  /** URL of the current state with changes. @param {Partial<State>} changes */
  linkTo(changes) {
    return new URL(`#${write({ ...this.#state, ...changes })}`, location.href).href;
  }

  /** Write the state into the URL now. */
  keep() {
    clearTimeout(this.#timer);
    // A fragment that was just set, by a link or by hand, has yet to be read: do not overwrite it.
    if (location.hash !== this.#fragment) return;
    history.replaceState({ isOfPage: true }, "", this.link);
    this.#fragment = location.hash;
  }

  /** Write the state after a pause: browsers limit how often a page may replace its URL. */
  #writeSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keep(), WRITE_MS);
  }
}

/** View, network and step of the tour of a state. @param {State} state */
function placeOf(state) {
  const key = NETWORK_OF[state.view];
  return key ? `${state.view} ${state[key]} ${state.tour}` : state.view;
}

/** Store of the state for a chapter: it waits while another view is shown, and ends when another model is chosen. */
export class ChapterStore {
  #store;
  #signal;
  #isShown = true;
  /** Listeners that missed a change. @type {Set<() => void>} */
  #missed = new Set();

  /** @param {Store} store @param {AbortSignal} signal */
  constructor(store, signal) {
    this.#store = store;
    this.#signal = signal;
  }

  get state() {
    return this.#store.state;
  }

  /** @param {Partial<State>} changes */
  set(changes) {
    if (!this.#signal.aborted) this.#store.set(changes);
  }

  /** @param {Key[]} keys @param {(state: State) => void} listener */
  on(keys, listener) {
    if (this.#signal.aborted) return;
    const callNow = () => listener(this.state);
    const call = () => void (this.#isShown ? callNow() : this.#missed.add(callNow));
    this.#signal.addEventListener("abort", () => this.#store.off(call));
    this.#store.on(keys, call);
  }

  /** Call the listeners that missed changes, or let them wait from now on. @param {boolean} isShown */
  show(isShown) {
    this.#isShown = isShown;
    if (!isShown) return;
    const missed = [...this.#missed];
    this.#missed.clear();
    for (const call of missed) call();
  }

  get link() {
    return this.#store.link;
  }

  keep() {
    this.#store.keep();
  }
}
