/**
 * `<lw-digit-pad>`: a square to draw a digit in, with a pointer or the keyboard.
 *
 *     <lw-digit-pad for="maps"></lw-digit-pad>
 *     <lw-tensor-heatmap id="maps" layer="relu1"></lw-tensor-heatmap>
 *
 * It is white on black whatever the theme, as the network's pictures are.
 */

import { make, sheet, TOKENS } from "./dom.js";
import { drawStrokes, extended, pointAt, readStrokes, SPAN, writeStrokes } from "./strokes.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */
/** @typedef {number[][]} Rows 28 rows of 28 integers, 0 (ground) to 255 (full ink). */
/** @typedef {{ base: Rows | null, strokes: readonly Stroke[] }} Drawing */

const FIELD = 28;
const SIDE = 280; // pixels of the picture that is sent
const MOST_UNDOS = 100;
const KEY_STEP = 8; // of 254: how far an arrow key moves the crosshair
const FEED_MS = 80;

const HELP =
  "Draw a digit. With the keyboard: arrow keys move the crosshair, Space puts the pen down or lifts it, " +
  "Backspace undoes, Delete clears.";

const STYLE = sheet(`${TOKENS}
  :host { display: inline-block; position: relative; inline-size: var(--_size, 280px); max-inline-size: 100%; }
  canvas {
    display: block; inline-size: 100%; aspect-ratio: 1; border-radius: 12px; background: #000;
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
 * Tells `lw-draw` at most once a frame while something is drawn, and `lw-change` when a stroke is
 * finished, undone or cleared.
 */
export class DigitPad extends HTMLElement {
  static observedAttributes = ["size"];

  #canvas = make("canvas", { tabIndex: 0, role: "application" });
  #hint = make("div", { class: "hint", "aria-hidden": "true" }, "Draw a digit here");
  #said = make("span", { class: "for-listeners", role: "status" });
  /** @type {Drawing} */
  #drawing = { base: null, strokes: [] };
  /** @type {Drawing[]} What was there before, oldest first. */
  #past = [];
  /** @type {number | null} The pointer that draws. */
  #pointer = null;
  /** Where the keyboard's pen is, and whether it draws; null before a key was used. */
  #pen = /** @type {{ x: number, y: number, isDown: boolean } | null} */ (null);
  #frame = 0;
  #feeding = 0;
  #watch = new ResizeObserver(() => this.#paintSoon());

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    const help = make("span", { class: "for-listeners", id: "help" }, HELP);
    root.append(this.#canvas, this.#hint, help, this.#said);
    this.#canvas.setAttribute("aria-label", "Drawing pad");
    this.#canvas.setAttribute("aria-describedby", "help");
    this.#listen();
  }

  connectedCallback() {
    this.#watch.observe(this);
    this.#paintSoon();
  }

  disconnectedCallback() {
    this.#watch.disconnect();
    clearTimeout(this.#feeding);
  }

  /** @param {string} _ @param {string | null} __ @param {string | null} size */
  attributeChangedCallback(_, __, size) {
    const side = Number(size);
    this.style.setProperty("--_size", side > 0 ? `${side}px` : "");
  }

  /** Everything drawn on top of the base, as text of at most 8,000 characters. */
  get strokes() {
    return writeStrokes(this.#drawing.strokes);
  }

  set strokes(text) {
    this.#replace({ ...this.#drawing, strokes: readStrokes(text) });
  }

  /** A picture beneath the strokes, or null. @returns {Rows | null} */
  get base() {
    return this.#drawing.base;
  }

  set base(rows) {
    this.#replace({ ...this.#drawing, base: rows });
  }

  /** Whether there is nothing at all. */
  get empty() {
    return !this.#drawing.base && !this.#drawing.strokes.length;
  }

  /** Whether there is something to go back to. */
  get canUndo() {
    return this.#past.length > 0;
  }

  /** Take back the last stroke, or the clearing. */
  undo() {
    const before = this.#past.pop();
    if (!before) return;
    this.#drawing = before;
    this.#changed();
  }

  /** Take everything away; it can be undone. */
  clear() {
    if (this.empty) return;
    this.#remember();
    this.#drawing = { base: null, strokes: [] };
    this.#changed();
  }

  /** The drawing as a PNG of 280×280. @returns {Promise<Blob>} */
  toBlob() {
    const { canvas } = this.#picture(this.#drawing.base);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The drawing could not be written."))), "image/png");
    });
  }

  /** The drawing in 28×28, each pixel the mean of its area; what is only a base is as it was. @returns {Rows} */
  pixels() {
    const { base, strokes } = this.#drawing;
    const drawn = strokes.length ? shrunk(this.#picture(null)) : blank();
    return drawn.map((row, y) => row.map((ink, x) => Math.max(ink, base?.[y][x] ?? 0)));
  }

  /** Show another drawing; what was undone before has nothing to do with it. @param {Drawing} drawing */
  #replace(drawing) {
    this.#drawing = drawing;
    this.#past = [];
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
    this.#pen = null;
    this.#begin(this.#pointOf(event));
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    // A fast pen moves many times in a frame; all of it belongs to the stroke.
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) this.#extend(this.#pointOf(one));
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
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) this.#walk(step[0], step[1]);
    else if (event.key === " ") this.#press();
    else if (isUndo) this.#say(this.canUndo ? "Undone" : "Nothing to undo", () => this.undo());
    else if (event.key === "Delete") this.#say("Cleared", () => this.clear());
    else return;
    event.preventDefault();
  }

  /** @param {number} right @param {number} down */
  #walk(right, down) {
    const { x, y, isDown } = this.#pen ?? { x: SPAN / 2, y: SPAN / 2, isDown: false };
    const point = pointAt((x + KEY_STEP * right) / SPAN, (y + KEY_STEP * down) / SPAN);
    this.#pen = { ...point, isDown };
    if (isDown) this.#extend(point);
    this.#paintSoon();
  }

  #press() {
    const { x, y, isDown } = this.#pen ?? { x: SPAN / 2, y: SPAN / 2, isDown: false };
    this.#pen = { x, y, isDown: !isDown };
    if (isDown) this.#say("Pen up", () => this.#changed());
    else this.#say("Pen down", () => this.#begin({ x, y }));
  }

  #leave() {
    const wasDown = this.#pen?.isDown;
    this.#pen = null;
    if (wasDown) this.#changed();
    else this.#paintSoon();
  }

  /** @param {string} text @param {() => void} act */
  #say(text, act) {
    if (this.#pen?.isDown && text !== "Pen down") this.#pen = { ...this.#pen, isDown: false };
    this.#said.textContent = text;
    act();
  }

  /** @param {import("./strokes.js").Point} point */
  #begin(point) {
    this.#remember();
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

  #remember() {
    this.#past = [...this.#past, this.#drawing].slice(-MOST_UNDOS);
  }

  #drawn() {
    this.#paintSoon(true);
    this.#feedSoon();
  }

  #changed() {
    this.#paintSoon();
    this.#feedSoon();
    this.dispatchEvent(new CustomEvent("lw-change", { bubbles: true, composed: true }));
  }

  #tells = false;

  /** @param {boolean} [tells] Whether to tell those who listen that something was drawn. */
  #paintSoon(tells = false) {
    this.#tells ||= tells;
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
      if (this.#tells) this.dispatchEvent(new CustomEvent("lw-draw", { bubbles: true, composed: true }));
      this.#tells = false;
    });
  }

  #paint() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    const context = this.#canvas.getContext("2d");
    if (!side || !context) return;
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    render(context, this.#drawing, side);
    if (this.#pen) drawPen(context, this.#pen, side);
    this.#hint.hidden = !this.empty || this.#pen !== null;
  }

  /** The picture that is sent. @param {Rows | null} base @returns {CanvasRenderingContext2D} */
  #picture(base) {
    const canvas = make("canvas", { width: SIDE, height: SIDE });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("This browser has no canvas.");
    render(context, { base, strokes: this.#drawing.strokes }, SIDE);
    return context;
  }

  /** Give the drawing to the heat map that `for` names, when the pen rests. */
  #feedSoon() {
    const name = this.getAttribute("for");
    if (!name) return;
    clearTimeout(this.#feeding);
    this.#feeding = setTimeout(async () => {
      const fed = /** @type {Document | ShadowRoot} */ (this.getRootNode()).getElementById(name);
      const server = this.getAttribute("server");
      if (fed && server && !fed.hasAttribute("server")) fed.setAttribute("server", server);
      if (fed) /** @type {any} */ (fed).input = this.empty ? null : await this.toBlob();
    }, FEED_MS);
  }
}

/**
 * Draw a drawing on black.
 * @param {CanvasRenderingContext2D} context
 * @param {Drawing} drawing
 * @param {number} side
 */
function render(context, { base, strokes }, side) {
  context.fillStyle = "black";
  context.fillRect(0, 0, side, side);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  if (base) context.drawImage(pictureOf(base), 0, 0, side, side);
  drawStrokes(context, strokes, side);
}

/** @type {WeakMap<Rows, HTMLCanvasElement>} A base is drawn in every frame, and never changes. */
const pictures = new WeakMap();

/** @param {Rows} rows */
function pictureOf(rows) {
  const held = pictures.get(rows);
  if (held) return held;
  const canvas = make("canvas", { width: FIELD, height: FIELD });
  const grey = new ImageData(Uint8ClampedArray.from(rows.flat().flatMap((ink) => [ink, ink, ink, 255])), FIELD);
  canvas.getContext("2d")?.putImageData(grey, 0, 0);
  pictures.set(rows, canvas);
  return canvas;
}

/**
 * Show where the keyboard's pen is.
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number, isDown: boolean }} pen
 * @param {number} side
 */
function drawPen(context, { x, y, isDown }, side) {
  const [across, down, arm] = [(x * side) / SPAN, (y * side) / SPAN, side / 20];
  context.beginPath();
  context.moveTo(across - arm, down);
  context.lineTo(across + arm, down);
  context.moveTo(across, down - arm);
  context.lineTo(across, down + arm);
  context.strokeStyle = isDown ? "#ff8c42" : "#6fb1ff";
  context.lineWidth = side / 100;
  context.stroke();
}

/**
 * Shrink a picture of 280×280 to 28×28.
 * @param {CanvasRenderingContext2D} context
 * @returns {Rows}
 */
function shrunk(context) {
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const cell = SIDE / FIELD;
  const rows = blank();
  for (let y = 0; y < SIDE; y += 1) {
    const row = rows[Math.floor(y / cell)];
    for (let x = 0; x < SIDE; x += 1) row[Math.floor(x / cell)] += data[4 * (y * SIDE + x)];
  }
  return rows.map((row) => row.map((sum) => Math.round(sum / cell ** 2)));
}

/** @returns {Rows} */
function blank() {
  return Array.from({ length: FIELD }, () => new Array(FIELD).fill(0));
}

customElements.define("lw-digit-pad", DigitPad);
