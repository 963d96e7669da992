/**
 * State: everything that a link has to hold, in one place, kept in the fragment of the address.
 *
 * The fragment never leaves the browser. What is as it was at first is left out, so that the link to
 * the untouched page is short.
 */

/** What the page shows when it opens; the type of each value is the type of its default. */
export const DEFAULTS = {
  // The digit: a test sample or 28×28 pixels (base64url), with strokes (base64url) drawn on top.
  sample: 0,
  pixels: "",
  strokes: "",
  preprocess: "mnist", // or "none"
  // The second digit to compare with: the same, or nothing.
  compare: false,
  otherSample: -1,
  otherPixels: "",
  // Which value of the network is looked at.
  layer: "relu1",
  channel: 0,
  y: -1, // -1 is nowhere
  x: -1,
  before: false, // show values before the ReLU too
  filters: "conv1",
  filtersOrder: "norm", // or "index"
  checkpoint: "", // as it was during training, such as `round-1`; as it is where empty
  layersView: 0,
  // Why: the attribution that is shown.
  method: "integrated_gradients",
  target: -1, // -1 is what the network sees
  against: -1, // -1 is nothing
  camLayer: "relu3",
  baseline: "black", // white, mean, blur
  // What if: `relu2.3.zero,relu2.7.scale.2`.
  edits: "",
  // How values are coloured.
  palette: "viridis", // cividis, gray
  range: "layer", // channel, fixed
  // The sequence.
  sequence: "1001001101101110",
  step: 16,
  unit: 1,
  order: "role", // or "index"
  bitMethod: "decomposition",
  gateEdit: "", // `forget_gate.0` sets it to 0
  gateUnits: "all", // or "unit"
  gateSteps: "step", // until, all
  counterView: 0,
  // The page itself.
  theme: "", // light, dark; as the system has it where empty
};

const WRITE_MS = 200;

/** @typedef {typeof DEFAULTS} State */
/** @typedef {keyof State} Key */

/** Holds the state, tells who wants to know what has changed, and keeps the address up to date. */
export class Store {
  /** @type {State} */
  #state = { ...DEFAULTS };
  /** @type {{ keys: Key[], react: (state: State) => void }[]} */
  #listeners = [];
  #timer = 0;
  /** The fragment as it was last read or written. */
  #fragment = location.hash;

  constructor() {
    this.#state = read(location.hash);
    addEventListener("hashchange", () => {
      this.#fragment = location.hash;
      // A link to a place of the page, such as #digits, says nothing about the state.
      if (!location.hash || location.hash.includes("=")) this.set(read(location.hash));
      else this.#writeSoon();
    });
  }

  /** A copy of what holds now. */
  get state() {
    return { ...this.#state };
  }

  /**
   * Change some values; whoever reacts to one of them is called once.
   * @param {Partial<State>} changes
   */
  set(changes) {
    const keys = /** @type {Key[]} */ (Object.keys(changes));
    const changed = keys.filter((key) => changes[key] !== this.#state[key]);
    if (!changed.length) return;
    this.#state = { ...this.#state, ...changes };
    this.#writeSoon();
    for (const { keys: wanted, react } of this.#listeners) {
      if (changed.some((key) => wanted.includes(key))) react(this.state);
    }
  }

  /**
   * Call a function whenever one of these values changes, and once now.
   * @param {Key[]} keys
   * @param {(state: State) => void} react
   */
  on(keys, react) {
    this.#listeners.push({ keys, react });
    react(this.state);
  }

  /** The address of exactly this state. */
  get link() {
    return new URL(`#${write(this.#state)}`, location.href).href;
  }

  /** Put this state into the address now. */
  keep() {
    history.replaceState(null, "", this.link);
    this.#fragment = location.hash;
  }

  /** Browsers refuse an address that changes a hundred times a second, as it would while drawing. */
  #writeSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A fragment that somebody has just set is about to be read: it must not be overwritten.
      if (location.hash === this.#fragment) this.keep();
    }, WRITE_MS);
  }
}

/**
 * Read a fragment; what it does not say, or says wrongly, is as at first.
 * @param {string} fragment
 * @returns {State}
 */
export function read(fragment) {
  const said = new URLSearchParams(fragment.replace(/^#/, ""));
  const entries = Object.entries(DEFAULTS).map(([key, first]) => {
    const text = said.get(key);
    if (text === null) return [key, first];
    if (typeof first === "boolean") return [key, text === "true"];
    if (typeof first === "number") return [key, /^-?\d{1,5}$/.test(text) ? Number(text) : first];
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
