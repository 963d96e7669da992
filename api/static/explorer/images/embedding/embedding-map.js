/** Embedding map: test images as the digits of their classes along two axes, and the picture as a moving mark. */

import { isShortcut, make, makeSvg } from "../../../sdk/dom.js";

/**
 * A test image on the map.
 * @typedef {object} Point
 * @property {number} number Number in the test set.
 * @property {number} label
 * @property {string} name Name of its class.
 * @property {string} colour
 * @property {number} across
 * @property {number} upward
 */
/** @typedef {{ across: number, upward: number }} Place */

/**
 * @typedef {object} Handlers
 * @property {(point: Point | null) => void} point An image is pointed at, by pointer or arrow keys.
 * @property {(point: Point) => void} choose An image is clicked, or Enter is pressed on it.
 */

/** Places that the picture had before, which its trail shows. */
const TRAIL = 16;
const LEFT = 40;
const BOTTOM = 34;
const EDGE = 10;
/** Distance at which a pointer reaches an image, in CSS pixels. */
const REACH = 18;
/** Height of the map: its share of the width, and its ends in CSS pixels. */
const [SHARE, LOWEST, TALLEST] = [0.6, 300, 440];

/** Directions of the arrow keys: right and up are positive. */
const DIRECTIONS = /** @type {Record<string, [number, number]>} */ ({
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
});

export class EmbeddingMap {
  #frame = makeSvg("rect", { class: "frame", x: LEFT, y: EDGE });
  #ticks = makeSvg("g", { class: "ticks" });
  #images = makeSvg("g", { class: "images" });
  #near = makeSvg("g", { class: "near" });
  #trail = makeSvg("polyline", { class: "trail" });
  #ring = makeSvg("circle", { class: "ring", r: 8, visibility: "hidden" });
  #mark = makeSvg("g", { class: "picture", visibility: "hidden" }, makeSvg("circle", { r: 8 }), makeSvg("circle", { r: 2.5, class: "middle" }), makeSvg("text", { x: 12, y: 4 }));
  #svg = makeSvg("svg", { "aria-hidden": "true" }, this.#frame, this.#ticks, this.#images, this.#near, this.#trail, this.#ring, this.#mark);
  element = make("div", { class: "embedding-map", role: "application", tabIndex: 0 }, this.#svg);
  /** @type {Point[]} */
  #points = [];
  /** @type {SVGElement[]} */
  #glyphs = [];
  #titles = ["", ""];
  /** Places of the picture, oldest first. @type {Place[]} */
  #places = [];
  /** Numbers of the nearest images. @type {number[]} */
  #nearest = [];
  #pointed = -1;
  #size = { width: 0, height: 0 };
  /** Ends of both axes. */
  #ends = { across: [0, 1], upward: [0, 1] };

  /** @param {string} noun Noun of the picture: a digit. @param {Handlers} handlers */
  constructor(noun, handlers) {
    this.element.setAttribute("aria-roledescription", "map of test images");
    this.element.setAttribute("aria-label", "Map of the test images: arrow keys go to the next image in their direction, Enter shows it");
    this.#mark.querySelector("text")?.append(`your ${noun}`);
    new ResizeObserver(() => this.#layOut()).observe(this.element);
    this.#listen(handlers);
  }

  /** Show test images. @param {Point[]} points @param {[string, string]} titles Of the axis from left to right, and of the axis upwards. */
  showImages(points, titles) {
    this.#points = points;
    this.#titles = titles;
    this.#places = [];
    this.#point(-1);
    this.#ends = { across: endsOf(points.map(({ across }) => across)), upward: endsOf(points.map(({ upward }) => upward)) };
    this.#glyphs = points.map(({ label, colour }) => {
      const glyph = makeSvg("text", { "data-label": label }, String(label));
      glyph.style.setProperty("--class", colour);
      return glyph;
    });
    this.#images.replaceChildren(...this.#glyphs);
    this.#layOut();
  }

  /** Move the picture. @param {Place} place @param {number[]} nearest Numbers of the images that are nearest to it. */
  showPicture(place, nearest) {
    const last = this.#places.at(-1);
    const isSame = last?.across === place.across && last.upward === place.upward;
    this.#places = isSame ? this.#places : [...this.#places, place].slice(-TRAIL);
    this.#nearest = nearest;
    this.#layOutPicture();
  }

  /** Show the images of one class alone, or all. @param {number} label -1 for all. */
  showClass(label) {
    for (const glyph of this.#glyphs) glyph.classList.toggle("is-other", label >= 0 && glyph.dataset.label !== String(label));
  }

  /** @param {Handlers} handlers */
  #listen({ point, choose }) {
    const { element } = this;
    const at = (/** @type {number} */ index) => this.#points[index] ?? null;
    const follow = (/** @type {PointerEvent} */ { clientX, clientY }) => {
      const { left, top } = this.#svg.getBoundingClientRect();
      const found = this.#nearestTo(clientX - left, clientY - top);
      if (found !== this.#pointed) point(at(this.#point(found)));
    };
    element.addEventListener("pointermove", follow);
    element.addEventListener("pointerdown", follow);
    element.addEventListener("pointerleave", () => point(at(this.#point(-1))));
    element.addEventListener("click", () => this.#pointed >= 0 && choose(this.#points[this.#pointed]));
    element.addEventListener("keydown", (event) => {
      if (isShortcut(event)) return;
      const direction = DIRECTIONS[event.key];
      if (direction) point(at(this.#point(this.#next(direction))));
      else if ((event.key === "Enter" || event.key === " ") && this.#pointed >= 0) choose(this.#points[this.#pointed]);
      else if (event.key === "Escape") point(at(this.#point(-1)));
      else return;
      event.preventDefault();
    });
  }

  /** Put the ring on an image; -1 for none. @param {number} index */
  #point(index) {
    this.#pointed = index;
    const point = this.#points[index];
    this.#ring.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) move(this.#ring, this.#x(point.across), this.#y(point.upward));
    return index;
  }

  /** Index of the image within reach of a position; -1 without one. @param {number} x @param {number} y */
  #nearestTo(x, y) {
    const away = this.#points.map(({ across, upward }, at) =>
      this.#glyphs[at].classList.contains("is-other") ? Infinity : Math.hypot(this.#x(across) - x, this.#y(upward) - y),
    );
    const least = Math.min(...away);
    return least <= REACH ? away.indexOf(least) : -1;
  }

  /** Index of the next image in a direction; the first key goes to the image next to the picture. @param {[number, number]} direction */
  #next([right, up]) {
    const from = this.#points[this.#pointed];
    if (!from) {
      const number = this.#nearest[0];
      return Math.max(0, this.#points.findIndex((one) => one.number === number));
    }
    const away = this.#points.map((to, at) => {
      const [dx, dy] = [this.#x(to.across) - this.#x(from.across), this.#y(from.upward) - this.#y(to.upward)];
      const along = right * dx + up * dy;
      const aside = Math.abs(right * dy) + Math.abs(up * dx);
      return along > 0 && aside <= along && !this.#glyphs[at].classList.contains("is-other") ? Math.hypot(dx, dy) : Infinity;
    });
    const least = Math.min(...away);
    return least < Infinity ? away.indexOf(least) : this.#pointed;
  }

  /** @param {number} across */
  #x(across) {
    const [low, high] = this.#ends.across;
    return LEFT + ((across - low) / (high - low)) * (this.#size.width - LEFT - EDGE);
  }

  /** @param {number} upward */
  #y(upward) {
    const [low, high] = this.#ends.upward;
    return EDGE + ((high - upward) / (high - low)) * (this.#size.height - BOTTOM - EDGE);
  }

  /** Place everything for the width of the element. */
  #layOut() {
    const width = this.element.clientWidth;
    if (!width || !this.#points.length) return;
    const height = Math.round(Math.min(Math.max(SHARE * width, LOWEST), TALLEST));
    this.#size = { width, height };
    set(this.#svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    set(this.#frame, { width: width - LEFT - EDGE, height: height - BOTTOM - EDGE });
    this.#points.forEach(({ across, upward }, at) => set(this.#glyphs[at], { x: this.#x(across), y: this.#y(upward) + 3 }));
    this.#ticks.replaceChildren(...this.#axisTexts());
    this.#point(this.#pointed);
    this.#layOutPicture();
  }

  #axisTexts() {
    const { width, height } = this.#size;
    const [across, upward] = [ticksOf(this.#ends.across), ticksOf(this.#ends.upward)];
    const middle = EDGE + (height - BOTTOM - EDGE) / 2;
    return [
      ...across.map((tick) => makeSvg("text", { x: this.#x(tick), y: height - BOTTOM + 13, class: "middle" }, minus(tick))),
      ...upward.map((tick) => makeSvg("text", { x: LEFT - 5, y: this.#y(tick) + 3, class: "end" }, minus(tick))),
      makeSvg("text", { x: (LEFT + width - EDGE) / 2, y: height - 4, class: "middle" }, this.#titles[0]),
      makeSvg("text", { x: 9, y: middle, class: "middle", transform: `rotate(-90 9 ${middle})` }, this.#titles[1]),
    ];
  }

  #layOutPicture() {
    const place = this.#places.at(-1);
    if (!place || !this.#size.width) return;
    const inside = ({ across, upward } = place) => {
      const { width, height } = this.#size;
      return [clamp(this.#x(across), LEFT, width - EDGE), clamp(this.#y(upward), EDGE, height - BOTTOM)];
    };
    const [x, y] = inside();
    this.#mark.setAttribute("visibility", "visible");
    move(this.#mark, x, y);
    this.#mark.classList.toggle("is-at-right", x > this.#size.width - 90);
    this.#trail.setAttribute("points", this.#places.map((one) => inside(one).join(",")).join(" "));
    const near = this.#points.filter(({ number }) => this.#nearest.includes(number));
    this.#near.replaceChildren(
      ...near.flatMap(({ across, upward }) => {
        const [cx, cy] = [this.#x(across), this.#y(upward)];
        return [makeSvg("line", { x1: x, y1: y, x2: cx, y2: cy }), makeSvg("circle", { cx, cy, r: 7 })];
      }),
    );
  }
}

/** Ends of an axis with some room. @param {number[]} values @returns {[number, number]} */
function endsOf(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.05 * (high - low || 1);
  return [low - room, high + room];
}

/** Round numbers within the ends of an axis. @param {number[]} ends */
function ticksOf([low, high]) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(6)));
}

/** @param {number} value */
function minus(value) {
  return String(value).replace("-", "−");
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** @param {SVGElement} element @param {number} x @param {number} y */
function move(element, x, y) {
  element.style.transform = `translate(${x}px, ${y}px)`;
}

/** @param {SVGElement} element @param {Record<string, string | number>} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}
