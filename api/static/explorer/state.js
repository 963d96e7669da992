/**
 * State: every value that a link to the page must restore, kept in the fragment of the URL.
 *
 * Browsers do not send the fragment to the server, so drawings stay in the browser. Values equal to
 * their defaults are left out, so that links are short.
 */

/** State of the page when it opens; each value keeps the type of its default. */
export const DEFAULTS = {
  // The networks on display; empty for the first of the server.
  imageModel: "",
  sequenceModel: "",
  // The picture: a test sample or pixels (base64url), with strokes (base64url) drawn on top.
  sample: 0,
  pixels: "",
  strokes: "",
  preprocess: "mnist", // or "none"; of other networks than those of digits: their preparation, or "none"
  // The second picture of the comparison: a test sample or pixels.
  compare: false,
  otherSample: -1,
  otherPixels: "",
  // The selected layer, channel and value.
  layer: "", // empty for the first of the network's columns
  channel: 0,
  y: -1, // -1: no value is pinned
  x: -1,
  before: false, // also show the values before the ReLU
  filters: "", // layer with the kernels; empty for the first
  filtersOrder: "norm", // or "index"
  checkpoint: "", // training checkpoint such as `round-1`; empty for the final weights
  layersView: 0, // index of the picture in the panel `layers`
  // Pixel attribution.
  method: "integrated_gradients",
  target: -1, // -1: the predicted digit
  against: -1, // contrast class; -1: none
  camLayer: "", // empty for the last with maps
  baseline: "black", // white, mean, blur
  // Channel interventions: `relu2.3.zero,relu2.7.scale.2`.
  edits: "",
  // Colours.
  palette: "viridis", // cividis, gray
  range: "layer", // channel, fixed
  // The sequence.
  sequence: "1001001101101110", // symbols, or rows of numbers: "0.5,1;0,0.25"
  step: 16,
  unit: 3, // whose gates move; unit 0, the counter, has constant gates
  order: "role", // or "index"
  recurrent: "", // recurrent layer whose step is shown in numbers; empty for the first
  bitMethod: "decomposition",
  gateEdit: "", // `forget_gate.0` sets the gate to 0
  gateUnits: "all", // or "unit": the followed one
  gateSteps: "step", // the followed step; until, all
  counterView: 0,
  // The page itself.
  theme: "", // light, dark; empty for the system's
};

const WRITE_MS = 200;

/** @typedef {typeof DEFAULTS} State */
/** @typedef {keyof State} Key */

/** @typedef {Pick<Store, "state" | "set" | "on" | "link" | "keep">} StateStore */

/** Store of the state: calls listeners on changes, and writes the fragment of the URL. */
export class Store {
  /** @type {State} */
  #state = { ...DEFAULTS };
  /** @type {{ keys: Key[], listener: (state: State) => void }[]} */
  #listeners = [];
  #timer = 0;
  /** The fragment that was last read or written. */
  #fragment = location.hash;

  constructor() {
    this.#state = read(location.hash);
    addEventListener("hashchange", () => {
      this.#fragment = location.hash;
      // A link to a section, such as #digits, does not change the state.
      if (!location.hash || location.hash.includes("=")) this.set(read(location.hash));
      else this.#writeSoon();
    });
  }

  /** A copy of the current state. */
  get state() {
    return { ...this.#state };
  }

  /**
   * Change some values; each listener of a changed value is called once.
   * @param {Partial<State>} changes
   */
  set(changes) {
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
    return new URL(`#${write(this.#state)}`, location.href).href;
  }

  /** Write the state into the URL now. */
  keep() {
    history.replaceState(null, "", this.link);
    this.#fragment = location.hash;
  }

  /** Write the state after a pause: browsers limit how often a page may replace its URL. */
  #writeSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A fragment that was just set, by a link or by hand, has yet to be read: do not overwrite it.
      if (location.hash === this.#fragment) this.keep();
    }, WRITE_MS);
  }
}

/** Store of the state for a chapter, which ends when the chapter shows another model. */
export class ChapterStore {
  #store;
  #signal;

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
    this.#signal.addEventListener("abort", () => this.#store.off(listener));
    this.#store.on(keys, listener);
  }

  get link() {
    return this.#store.link;
  }

  keep() {
    this.#store.keep();
  }
}

/**
 * Parse a fragment; missing and invalid values get their defaults.
 * @param {string} fragment
 * @returns {State}
 */
export function read(fragment) {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  const entries = Object.entries(DEFAULTS).map(([key, fallback]) => {
    const text = parameters.get(key);
    if (text === null) return [key, fallback];
    if (typeof fallback === "boolean") return [key, text === "true"];
    if (typeof fallback === "number") return [key, /^-?\d{1,5}$/.test(text) ? Number(text) : fallback];
    return [key, text];
  });
  return Object.fromEntries(entries);
}

/**
 * Write a state as a fragment.
 * @param {State} state
 */
export function write(state) {
  const changed = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[/** @type {Key} */ (key)]);
  return String(new URLSearchParams(changed.map(([key, value]) => [key, String(value)])));
}
