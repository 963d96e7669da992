/**
 * `<lw-tensor-heatmap>`: a tensor as a picture, with every value under the pointer.
 *
 *     <lw-tensor-heatmap probe="/lstm/gates?sequence=10110" tensor="forget_gate"></lw-tensor-heatmap>
 *     <lw-tensor-heatmap image="/samples/0.png" layer="relu1"></lw-tensor-heatmap>
 *
 * A script can also set `tensor` to one that it has, or `input` to an image to be asked about.
 */

import { requestTensor } from "./tensor-request.js";
import { ColourBar } from "./colour-bar.js";
import { colourMaps } from "./colours.js";
import { clientOf, make } from "./dom.js";
import { STYLE } from "./tensor-heatmap-style.js";
import { exactDigits, formatNumber } from "./number-format.js";
import { cornerOf, fit, paintTiles, placeOf, spotIn, tileRange, tilesOf } from "./tiles.js";

/** @typedef {import("./tensor.js").Tensor} Tensor */
/** @typedef {import("./tiles.js").Spot} Spot */
/** @typedef {{ y: number, x: number, height?: number, width?: number }} Box In values. */

const GAP = 2; // pixels of a page between two tiles
const LARGEST_CELL = 24; // of a vector

/**
 * Tells `lw-hover` what is under the pointer or the cursor, as `{ channel, y, x, value }` by the names
 * of the tensor's axes (null where nothing is), and `lw-select` the same for what is chosen.
 */
export class TensorHeatmap extends HTMLElement {
  static observedAttributes = ["probe", "tensor", "image", "layer", "channel", "columns", "server", "bare", "label"];

  #canvas = make("canvas", { "aria-hidden": "true" });
  #frame = make("div", { class: "frame", tabIndex: 0 }, this.#canvas);
  #below = make("div", { class: "bar" });
  #tip = make("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  #said = make("span", { class: "for-listeners", role: "status" });
  #error = make("p", { class: "error", role: "alert", hidden: true });
  #bar = new ColourBar();
  #atlas = make("canvas");
  /** @type {HTMLElement[]} One for each tile, where there are several. */
  #options = [];
  #mark = make("div", { class: "mark", hidden: true });
  #cursor = make("div", { class: "mark cursor", hidden: true });

  /** @type {Tensor | null} */
  #tensor = null;
  /** @type {import("./tiles.js").Tiles | null} */
  #tiles = null;
  /** @type {import("./tiles.js").Grid | null} */
  #grid = null;
  /** @type {Map<string, import("./colours.js").Table> | null} */
  #tables = null;
  /** @type {import("./client.js").Image | null} */
  #input = null;
  /** @type {number | string | null} */
  #selected = null;
  /** @type {Box | null} */
  #marked = null;
  /** @type {Spot} Where the keyboard is. */
  #spot = { tile: 0, y: 0, x: 0 };
  #painting = 0;
  #asks = false;
  #asking = new AbortController();
  #watch = new ResizeObserver(() => this.#paintSoon());

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.append(this.#error, this.#frame, this.#below, this.#tip, this.#said);
    this.#frame.append(this.#mark, this.#cursor);
    this.#frame.hidden = true;
    this.#listen();
  }

  connectedCallback() {
    this.#watch.observe(this);
    this.#askSoon();
  }

  disconnectedCallback() {
    this.#watch.disconnect();
    this.#asking.abort();
    this.#tip.hidden = true;
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "channel" || name === "columns" || name === "bare" || name === "label") this.#lay();
    if (name !== "bare" && name !== "columns" && name !== "label") this.#askSoon();
  }

  /** What is shown. @returns {Tensor | null} */
  get tensor() {
    return this.#tensor;
  }

  set tensor(tensor) {
    this.#tensor = tensor;
    this.#fail("");
    this.#lay();
  }

  /** An image to be asked about; the answer's `layer` is shown. @returns {import("./client.js").Image | null} */
  get input() {
    return this.#input;
  }

  set input(image) {
    this.#input = image;
    if (image) this.#askSoon();
    else this.tensor = null;
  }

  /** The channel (or whatever the first axis counts) that is pointed out; null for none. */
  get selected() {
    return this.#selected;
  }

  set selected(label) {
    this.#selected = label;
    this.#showSelected();
  }

  /** A box around some values of a single map; null for none. @returns {Box | null} */
  get marked() {
    return this.#marked;
  }

  set marked(box) {
    this.#marked = box;
    this.#showMarks();
  }

  /**
   * Where a tile is on the page; null where it is not drawn.
   * @param {number | string} label
   * @returns {DOMRect | null}
   */
  boxOf(label) {
    const tile = this.#tileOf(label);
    if (tile < 0 || !this.#grid) return null;
    const { left, top } = this.#frame.getBoundingClientRect();
    const at = this.#corner(tile);
    const { tileWidth, tileHeight } = this.#grid;
    return new DOMRect(left + at.left, top + at.top, tileWidth / devicePixelRatio, tileHeight / devicePixelRatio);
  }

  // ---- what to show

  /** Ask once, however many attributes change. */
  #askSoon() {
    const isWanted = this.hasAttribute("probe") || this.hasAttribute("image") || this.#input;
    if (this.#asks || !isWanted) return;
    this.#asks = true;
    queueMicrotask(() => {
      this.#asks = false;
      if (this.isConnected) void this.#ask();
    });
  }

  async #ask() {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    try {
      const tensor = await requestTensor(this, this.#input, signal);
      if (!signal.aborted) this.tensor = tensor;
    } catch (error) {
      if (!signal.aborted) this.#fail(/** @type {Error} */ (error).message);
    }
  }

  /** Say what went wrong, in place; nothing where it has not. @param {string} text */
  #fail(text) {
    this.#error.hidden = !text;
    this.#error.textContent = text;
    if (text) this.#frame.hidden = true;
    this.#below.hidden = Boolean(text);
  }

  // ---- the picture

  #lay() {
    const tensor = this.#tensor;
    const channel = this.getAttribute("channel");
    this.#frame.hidden = !tensor;
    this.#tiles = null;
    if (!tensor) return this.#below.replaceChildren();
    try {
      const columns = Number(this.getAttribute("columns")) || undefined;
      this.#tiles = tilesOf(tensor, { channel: channel === null ? null : Number(channel), columns });
    } catch (error) {
      return this.#fail(/** @type {Error} */ (error).message);
    }
    this.#name(this.#tiles);
    this.#explain(this.#tiles);
    this.#paintSoon();
  }

  /** Say what there is to those who cannot see it. @param {import("./tiles.js").Tiles} tiles */
  #name(tiles) {
    const { tensor, shown } = tiles;
    const count = shown.length;
    const isList = count > 1;
    const label = this.getAttribute("label") ?? tensor.name;
    this.#frame.setAttribute("role", isList ? "listbox" : "img");
    const size = `${tiles.height} by ${tiles.width} values; arrow keys read them`;
    this.#frame.setAttribute("aria-label", isList ? label : `${label}, ${size}`);
    if (this.#options.length === (isList ? count : 0)) return;
    this.#options.forEach((option) => option.remove());
    const labels = tensor.labels(tensor.axes[0]);
    this.#options = isList
      ? shown.map((tile) => {
          const name = `${tensor.axes[0]} ${labels[tile] ?? tile}`;
          return make("div", { role: "option", id: `tile-${tile}`, "aria-label": name });
        })
      : [];
    this.#frame.append(...this.#options);
    this.#showSelected();
    this.#spot = { tile: 0, y: 0, x: 0 };
    this.#frame.removeAttribute("aria-activedescendant");
  }

  /** Put numbers to the colours. @param {import("./tiles.js").Tiles} tiles */
  #explain(tiles) {
    if (this.hasAttribute("bare")) return this.#below.replaceChildren();
    const range = tileRange(tiles, 0);
    if (range.scope === "channel" && tiles.shown.length > 1) {
      const note = make("p", { class: "note" }, "Each tile has a colour range of its own.");
      return this.#below.replaceChildren(note);
    }
    const server = this.getAttribute("server");
    if (server) this.#bar.setAttribute("server", server);
    this.#below.replaceChildren(this.#bar);
    this.#bar.range = range;
  }

  #paintSoon() {
    if (this.#painting || !this.#tiles) return;
    this.#painting = requestAnimationFrame(async () => {
      try {
        this.#tables ??= await colourMaps(clientOf(this));
        this.#paint();
      } catch (error) {
        this.#fail(/** @type {Error} */ (error).message);
      } finally {
        this.#painting = 0;
      }
    });
  }

  #paint() {
    const room = Math.floor(this.clientWidth * devicePixelRatio);
    const tiles = this.#tiles;
    if (!tiles || !this.#tables || !room) return;
    const gap = tiles.shown.length > 1 ? Math.round(GAP * devicePixelRatio) : 0;
    const grid = fit(tiles, room, gap, LARGEST_CELL * devicePixelRatio);
    const isMoved = JSON.stringify(grid) !== JSON.stringify(this.#grid);
    this.#grid = grid;
    const picture = paintTiles(tiles, this.#tables);
    Object.assign(this.#atlas, { width: picture.width, height: picture.height });
    this.#atlas.getContext("2d", { willReadFrequently: true })?.putImageData(picture, 0, 0);
    this.#copy(tiles, grid);
    if (isMoved || this.#options.some((option) => !option.style.width)) this.#place(grid);
    if (isMoved) this.dispatchEvent(new CustomEvent("lw-layout", { bubbles: true, composed: true }));
  }

  /** @param {import("./tiles.js").Tiles} tiles @param {import("./tiles.js").Grid} grid */
  #copy(tiles, grid) {
    const { shown, width, height } = tiles;
    const { tileWidth, tileHeight } = grid;
    Object.assign(this.#canvas, { width: grid.width, height: grid.height }); // also wipes it
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    // A value is a sharp square, unless there is hardly a pixel for it: then neighbours blend.
    context.imageSmoothingEnabled = tileWidth < 2 * width && tileWidth !== width;
    context.imageSmoothingQuality = "high";
    shown.forEach((_, tile) => {
      const { left, top } = cornerOf(tiles, grid, tile);
      context.drawImage(this.#atlas, 0, tile * height, width, height, left, top, tileWidth, tileHeight);
    });
  }

  /** @param {import("./tiles.js").Grid} grid */
  #place({ width, height, tileWidth, tileHeight }) {
    const size = { width: `${width / devicePixelRatio}px`, height: `${height / devicePixelRatio}px` };
    Object.assign(this.#canvas.style, size);
    Object.assign(this.#frame.style, size);
    this.#options.forEach((option, tile) => {
      const { left, top } = this.#corner(tile);
      Object.assign(option.style, {
        left: `${left}px`,
        top: `${top}px`,
        width: `${tileWidth / devicePixelRatio}px`,
        height: `${tileHeight / devicePixelRatio}px`,
      });
    });
    this.#showMarks();
  }

  /** Where a tile begins, in pixels of the page. @param {number} tile */
  #corner(tile) {
    if (!this.#tiles || !this.#grid) return { left: 0, top: 0 };
    const { left, top } = cornerOf(this.#tiles, this.#grid, tile);
    return { left: left / devicePixelRatio, top: top / devicePixelRatio };
  }

  // ---- what is pointed out

  /** Which of the tiles shown has a label; -1 for none. @param {number | string | null} label */
  #tileOf(label) {
    if (!this.#tiles || label === null) return -1;
    const { tensor, shown } = this.#tiles;
    return shown.indexOf(tensor.labels(tensor.axes[0]).indexOf(label));
  }

  #showSelected() {
    const selected = this.#tileOf(this.#selected);
    this.#options.forEach((option, tile) => option.setAttribute("aria-selected", String(tile === selected)));
  }

  #showMarks() {
    this.#outline(this.#mark, this.#marked);
    const isPixel = this.#tiles?.shown.length === 1 && this.#frame.matches(":focus-visible");
    this.#outline(this.#cursor, isPixel ? this.#spot : null);
  }

  /** @param {HTMLElement} mark @param {Box | null} box */
  #outline(mark, box) {
    const tiles = this.#tiles;
    mark.hidden = !box || !this.#grid || tiles?.shown.length !== 1;
    if (mark.hidden || !box || !this.#grid || !tiles) return;
    const cell = this.#grid.width / tiles.width / devicePixelRatio;
    Object.assign(mark.style, {
      left: `${box.x * cell}px`,
      top: `${box.y * cell}px`,
      width: `${(box.width ?? 1) * cell}px`,
      height: `${(box.height ?? 1) * cell}px`,
    });
  }

  // ---- pointer and keys

  #listen() {
    const frame = this.#frame;
    frame.addEventListener("pointermove", (event) => this.#hover(this.#spotAt(event), event));
    frame.addEventListener("pointerleave", () => this.#hover(null));
    frame.addEventListener("click", (event) => this.#select(this.#spotAt(event)));
    frame.addEventListener("keydown", (event) => this.#key(event));
    frame.addEventListener("blur", () => {
      this.#hover(null);
      this.#showMarks();
    });
    frame.addEventListener("focus", () => {
      const selected = this.#tileOf(this.#selected);
      if (selected >= 0) this.#spot = { tile: selected, y: 0, x: 0 };
      this.#showActive();
    });
  }

  /** @param {MouseEvent} event @returns {Spot | null} */
  #spotAt({ clientX, clientY }) {
    if (!this.#tiles || !this.#grid) return null;
    const { left, top } = this.#canvas.getBoundingClientRect();
    return spotIn(this.#tiles, this.#grid, (clientX - left) * devicePixelRatio, (clientY - top) * devicePixelRatio);
  }

  /** @param {Spot | null} spot @param {MouseEvent} [at] The pointer; left out for the keyboard. */
  #hover(spot, at) {
    const tiles = this.#tiles;
    const place = spot && tiles ? placeOf(tiles, spot.tile, spot.y, spot.x) : null;
    this.#options.forEach((option, tile) => option.classList.toggle("hovered", Boolean(at) && tile === spot?.tile));
    this.#tip.hidden = !place;
    if (place && spot) this.#showTip(place, at ?? this.#middle(spot));
    this.dispatchEvent(new CustomEvent("lw-hover", { detail: place, bubbles: true, composed: true }));
  }

  /** @param {Record<string, number | string>} place @param {{ clientX: number, clientY: number }} at */
  #showTip(place, { clientX, clientY }) {
    this.#tip.textContent = this.#words(place);
    const half = this.#tip.offsetWidth / 2 + 4;
    this.#tip.style.left = `${Math.max(half, Math.min(innerWidth - half, clientX))}px`;
    this.#tip.style.top = `${Math.max(this.#tip.offsetHeight + 14, clientY)}px`;
  }

  /** @param {Record<string, number | string>} place */
  #words({ value, ...place }) {
    const where = Object.entries(place).map(([axis, label]) => `${axis} ${label}`);
    return `${where.join(" · ")}: ${exactDigits(Number(value), this.#tensor?.dtype ?? "float32").replace("-", "−")}`;
  }

  /** @param {Spot} spot */
  #middle({ tile, y, x }) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    const [grid, tiles] = [this.#grid, this.#tiles];
    if (!grid || !tiles) return { clientX: left, clientY: top };
    const corner = this.#corner(tile);
    const isList = this.#options.length > 0;
    const across = isList ? grid.tileWidth / 2 : ((x + 0.5) * grid.tileWidth) / tiles.width;
    const down = isList ? 0 : (y * grid.tileHeight) / tiles.height;
    return {
      clientX: left + corner.left + across / devicePixelRatio,
      clientY: top + corner.top + down / devicePixelRatio,
    };
  }

  /** @param {Spot | null} spot */
  #select(spot) {
    if (!spot || !this.#tiles) return;
    this.#spot = spot;
    const detail = placeOf(this.#tiles, spot.tile, spot.y, spot.x);
    this.dispatchEvent(new CustomEvent("lw-select", { detail, bubbles: true, composed: true }));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#tiles || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.#select(this.#spot);
    else if (!this.#walk(event.key)) return;
    event.preventDefault();
  }

  /** @param {string} key @returns {boolean} Whether the key goes anywhere. */
  #walk(key) {
    const { shown, columns, width, height } = /** @type {import("./tiles.js").Tiles} */ (this.#tiles);
    const isList = this.#options.length > 0;
    const [across, count] = isList ? [columns, shown.length] : [width, width * height];
    const at = isList ? this.#spot.tile : this.#spot.y * width + this.#spot.x;
    const [up, down] = [at - across, at + across];
    const goals = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: up, ArrowDown: down, Home: 0, End: count - 1 };
    const goal = goals[/** @type {keyof typeof goals} */ (key)];
    if (goal === undefined) return false;
    const next = goal >= 0 && goal < count ? goal : at;
    this.#spot = isList ? { tile: next, y: 0, x: 0 } : { tile: 0, y: Math.floor(next / width), x: next % width };
    this.#showActive();
    if (!isList) this.#hover(this.#spot);
    return true;
  }

  /** Show where the keyboard is, and say it. */
  #showActive() {
    const tiles = this.#tiles;
    if (!tiles) return;
    this.#options.forEach((option, tile) => option.classList.toggle("active", tile === this.#spot.tile));
    const active = this.#options[this.#spot.tile];
    if (active) {
      active.setAttribute("aria-label", this.#tileWords(tiles, this.#spot.tile));
      this.#frame.setAttribute("aria-activedescendant", active.id);
    } else this.#said.textContent = this.#words(placeOf(tiles, 0, this.#spot.y, this.#spot.x));
    this.#showMarks();
  }

  /** @param {import("./tiles.js").Tiles} tiles @param {number} tile */
  #tileWords({ tensor, shown, width, height }, tile) {
    const first = shown[tile] * width * height;
    const values = tensor.values.subarray(first, first + width * height);
    const name = `${tensor.axes[0]} ${tensor.labels(tensor.axes[0])[shown[tile]] ?? shown[tile]}`;
    if (values.length === 1) return `${name}: ${formatNumber(values[0])}`;
    return `${name}, from ${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))}`;
  }
}

customElements.define("lw-tensor-heatmap", TensorHeatmap);
