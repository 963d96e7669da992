/**
 * `<lw-digit-pad>`: a pad on which a picture of one channel, such as a digit, is drawn by pointer or keyboard.
 *
 *     <lw-digit-pad for="maps"></lw-digit-pad>
 *     <lw-tensor-heatmap id="maps" layer="relu1"></lw-tensor-heatmap>
 *
 * `for` names one or several elements that receive the drawing. The attributes `rows` and `columns` are the size of the network's input, 28 where they are left out. The pad is
 * white on black in every theme, like the images of MNIST.
 */

import { isShortcut, make, sheet, TOKENS } from "./dom.js";
import { blankRows, downsample, renderCrosshair, renderDrawing, renderedSize } from "./drawing.js";
import { ServerElement } from "./server-element.js";
import { extended, pointAt, readStrokes, SPAN, writeStrokes } from "./strokes.js";

/** @typedef {import("./drawing.js").Drawing} Drawing */
/** @typedef {import("./drawing.js").Rows} Rows */

const FIELD = 28;
const MAX_UNDOS = 100;
const KEY_STEP = 8; // of 254: how far an arrow key moves the crosshair
const TARGET_DELAY_MS = 80; // pause after the last change before the heat map gets a PNG

const HELP =
  "Draw a picture. With the keyboard: arrow keys move the crosshair, Space puts the pen down or lifts it, " +
  "Backspace undoes, Delete clears.";

const STYLE = sheet(`${TOKENS}
  /* Without a base of its own, a row of flexible elements would leave the canvas no width. */
  :host { display: inline-block; flex: none; position: relative; inline-size: var(--_size, 280px); max-inline-size: 100%; }
  canvas {
    display: block; inline-size: 100%; aspect-ratio: var(--_aspect, 1); border-radius: 12px; background: #000;
    touch-action: none; cursor: crosshair; user-select: none; -webkit-user-select: none;
    box-shadow: inset 0 0 0 1px rgb(255 255 255 / .14), 0 0 0 1px var(--_line);
  }
  canvas:focus-visible { outline: 2px solid var(--focus, var(--_accent)); outline-offset: 3px; }
  .hint {
    position: absolute; inset: 0; display: grid; place-content: center; pointer-events: none;
    color: #b9b5ad; font-size: .875rem;
  }
  .hint[hidden] { display: none; }
  .for-listeners { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`);

/**
 * Events: `lw-draw` at most once a frame while a stroke grows; `lw-change` when a stroke is finished,
 * undone or cleared.
 */
export class DigitPad extends ServerElement {
  static observedAttributes = ["size", "rows", "columns", "hint"];

  #canvas = make("canvas", { tabIndex: 0, role: "application" });
  #hint = make("div", { class: "hint", "aria-hidden": "true" }, "Draw a digit here");
  #status = make("span", { class: "for-listeners", role: "status" });
  /** @type {Drawing} */
  #drawing = { base: null, strokes: [] };
  /** Earlier drawings, oldest first. @type {Drawing[]} */
  #undoStack = [];
  /** Id of the pointer that draws. @type {number | null} */
  #pointer = null;
  /** Pen of the keyboard; null until a key is used. */
  #crosshair = /** @type {{ x: number, y: number, isDown: boolean } | null} */ (null);
  #frame = 0;
  #targetTimer = 0;
  #resizes = new ResizeObserver(() => this.#paintSoon());

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    const help = make("span", { class: "for-listeners", id: "help" }, HELP);
    root.append(this.#canvas, this.#hint, help, this.#status);
    this.#canvas.setAttribute("aria-label", "Drawing pad");
    this.#canvas.setAttribute("aria-describedby", "help");
    this.#listen();
  }

  connectedCallback() {
    this.#resizes.observe(this);
    this.#paintSoon();
  }

  disconnectedCallback() {
    this.#resizes.disconnect();
    clearTimeout(this.#targetTimer);
  }

  /** @override @param {string} name @param {string | null} _ @param {string | null} value */
  attributeChangedCallback(name, _, value) {
    const number = Number(value);
    if (name === "size") this.style.setProperty("--_size", number > 0 ? `${number}px` : "");
    else if (name === "hint") this.#hint.textContent = value;
    else {
      const { rows, columns } = this.#field;
      this.style.setProperty("--_aspect", `${columns} / ${rows}`);
      this.#paintSoon();
    }
  }

  /** Size of the network's input. @returns {import("./drawing.js").Field} */
  get #field() {
    const [rows, columns] = ["rows", "columns"].map((name) => Math.trunc(Number(this.getAttribute(name))) || FIELD);
    return { rows, columns };
  }

  /** Strokes on top of the base, as text of at most 8,000 characters. */
  get strokes() {
    return writeStrokes(this.#drawing.strokes);
  }

  set strokes(text) {
    this.#replace({ ...this.#drawing, strokes: readStrokes(text) });
  }

  /** Image under the strokes; null for none. @returns {Rows | null} */
  get base() {
    return this.#drawing.base;
  }

  set base(rows) {
    this.#replace({ ...this.#drawing, base: rows });
  }

  /** Whether there is neither a base nor a stroke. */
  get empty() {
    return !this.#drawing.base && !this.#drawing.strokes.length;
  }

  /** Whether `undo` has an effect. */
  get canUndo() {
    return this.#undoStack.length > 0;
  }

  /** Undo the last stroke or `clear`. */
  undo() {
    const before = this.#undoStack.pop();
    if (!before) return;
    this.#drawing = before;
    this.#changed();
  }

  /** Remove base and strokes; `undo` brings them back. */
  clear() {
    if (this.empty) return;
    this.#pushUndo();
    this.#drawing = { base: null, strokes: [] };
    this.#changed();
  }

  /** The drawing as a PNG of at least 280 pixels across its longer side. @returns {Promise<Blob>} */
  toBlob() {
    const { canvas } = this.#render(this.#drawing.base);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The drawing could not be written."))), "image/png");
    });
  }

  /**
   * The drawing in the size of the network's input, each value the mean of its area.
   *
   * Base and strokes are combined by the maximum, so that a base without strokes keeps its values.
   * @returns {Rows}
   */
  pixels() {
    const { base, strokes } = this.#drawing;
    const field = this.#field;
    const drawn = strokes.length ? downsample(this.#render(null), field) : blankRows(field);
    return drawn.map((row, y) => row.map((value, x) => Math.max(value, base?.[y]?.[x] ?? 0)));
  }

  /** Show another drawing, without the undo steps of the old one. @param {Drawing} drawing */
  #replace(drawing) {
    this.#drawing = drawing;
    this.#undoStack = [];
    // A stroke that is being drawn belongs to the drawing before.
    this.#pointer = null;
    if (this.#crosshair) this.#crosshair = { ...this.#crosshair, isDown: false };
    this.#paintSoon();
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
      canvas.addEventListener(end, ({ pointerId }) => this.#up(pointerId));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#crosshair = null;
    this.#begin(this.#pointOf(event));
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    // A fast pen moves several times in a frame; without these points its stroke has corners.
    const points = event.getCoalescedEvents?.() ?? [];
    for (const one of points.length ? points : [event]) this.#extend(this.#pointOf(one));
  }

  /** @param {number} pointer */
  #up(pointer) {
    if (pointer !== this.#pointer) return;
    this.#pointer = null;
    this.#changed();
  }

  /** @param {MouseEvent} event */
  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return pointAt((clientX - left) / width, (clientY - top) / height);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    const isUndo = event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey));
    if (step && !isShortcut(event)) this.#walk(step[0], step[1]);
    else if (event.key === " ") this.#press();
    else if (isUndo) this.#announce(this.canUndo ? "Undone" : "Nothing to undo", () => this.undo());
    else if (event.key === "Delete") this.#announce("Cleared", () => this.clear());
    else return;
    event.preventDefault();
  }

  /** @param {number} right @param {number} down */
  #walk(right, down) {
    const { x, y, isDown } = this.#crosshair ?? { x: SPAN / 2, y: SPAN / 2, isDown: false };
    const point = pointAt((x + KEY_STEP * right) / SPAN, (y + KEY_STEP * down) / SPAN);
    this.#crosshair = { ...point, isDown };
    if (isDown) this.#extend(point);
    this.#paintSoon();
  }

  #press() {
    const { x, y, isDown } = this.#crosshair ?? { x: SPAN / 2, y: SPAN / 2, isDown: false };
    this.#crosshair = { x, y, isDown: !isDown };
    if (isDown) this.#announce("Pen up", () => this.#changed());
    else this.#announce("Pen down", () => this.#begin({ x, y }));
  }

  #leave() {
    const wasDown = this.#crosshair?.isDown;
    this.#crosshair = null;
    if (wasDown) this.#changed();
    else this.#paintSoon();
  }

  /** Announce an action of the keyboard to screen readers, and do it. @param {string} text @param {() => void} act */
  #announce(text, act) {
    if (this.#crosshair?.isDown && text !== "Pen down") this.#crosshair = { ...this.#crosshair, isDown: false };
    this.#status.textContent = text;
    act();
  }

  /** @param {import("./strokes.js").Point} point */
  #begin(point) {
    this.#pushUndo();
    this.#drawing = { ...this.#drawing, strokes: [...this.#drawing.strokes, [point]] };
    this.#drawn();
  }

  /** @param {import("./strokes.js").Point} point */
  #extend(point) {
    const { strokes } = this.#drawing;
    const stroke = extended(strokes[strokes.length - 1], point);
    if (stroke === strokes[strokes.length - 1]) return;
    this.#drawing = { ...this.#drawing, strokes: [...strokes.slice(0, -1), stroke] };
    this.#drawn();
  }

  #pushUndo() {
    this.#undoStack = [...this.#undoStack, this.#drawing].slice(-MAX_UNDOS);
  }

  #drawn() {
    this.#paintSoon(true);
    this.#updateTargetSoon();
  }

  #changed() {
    this.#paintSoon();
    this.#updateTargetSoon();
    this.dispatchEvent(new CustomEvent("lw-change", { bubbles: true, composed: true }));
  }

  #dispatchesDraw = false;

  /** @param {boolean} [dispatchesDraw] Whether the frame dispatches `lw-draw`. */
  #paintSoon(dispatchesDraw = false) {
    this.#dispatchesDraw ||= dispatchesDraw;
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
      if (this.#dispatchesDraw) this.dispatchEvent(new CustomEvent("lw-draw", { bubbles: true, composed: true }));
      this.#dispatchesDraw = false;
    });
  }

  #paint() {
    const width = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    const { rows, columns } = this.#field;
    const height = Math.round((width * rows) / columns);
    const context = this.#canvas.getContext("2d");
    if (!width || !context) return;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    renderDrawing(context, this.#drawing, width, height);
    if (this.#crosshair) renderCrosshair(context, this.#crosshair, width, height);
    this.#hint.hidden = !this.empty || this.#crosshair !== null;
  }

  /** Render strokes and base. @param {Rows | null} base @returns {CanvasRenderingContext2D} */
  #render(base) {
    const { width, height } = renderedSize(this.#field);
    const canvas = make("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("This browser has no canvas.");
    renderDrawing(context, { base, strokes: this.#drawing.strokes }, width, height);
    return context;
  }

  /** Set the drawing as `input` of the elements that `for` names. */
  #updateTargetSoon() {
    const names = (this.getAttribute("for") ?? "").split(/\s+/).filter(Boolean);
    if (!names.length) return;
    clearTimeout(this.#targetTimer);
    this.#targetTimer = setTimeout(async () => {
      const drawing = this.empty ? null : await this.toBlob();
      const root = /** @type {Document | ShadowRoot} */ (this.getRootNode());
      for (const name of names) this.#update(root.getElementById(name), drawing);
    }, TARGET_DELAY_MS);
  }

  /** @param {HTMLElement | null} target @param {Blob | null} drawing */
  #update(target, drawing) {
    if (!target) return;
    const server = this.getAttribute("server");
    if (server && !target.hasAttribute("server")) target.setAttribute("server", server);
    // As a property, so that the token is in no further attribute of the document.
    if (target instanceof ServerElement && this.token && !target.token) target.token = this.token;
    /** @type {any} */ (target).input = drawing;
  }
}

customElements.define("lw-digit-pad", DigitPad);
