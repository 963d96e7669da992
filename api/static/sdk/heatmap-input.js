/**
 * Heat map input: pointer and keyboard of `<lw-tensor-heatmap>`, and the tip with the exact value.
 *
 * Among several tiles the arrow keys go from tile to tile; in a single map, from value to value.
 */

import { isShortcut, make } from "./dom.js";
import { exactDigits, formatNumber } from "./number-format.js";
import { placeOf, spotIn } from "./tiles.js";

/** @typedef {import("./tiles.js").Spot} Spot */
/** @typedef {import("./tiles.js").Tiles} Tiles */
/** @typedef {Record<string, number | string>} Place Labels by axis, and `value`. */
/** @typedef {{ clientX: number, clientY: number }} Point */
/**
 * @typedef {object} Handlers
 * @property {(place: Place | null) => void} hover
 * @property {(place: Place) => void} select
 */

export class HeatmapInput {
  tip = make("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  /** The value under the keyboard's cursor, for screen readers. */
  status = make("span", { class: "for-listeners", role: "status" });
  #view;
  #handlers;
  /** Resting pointer; null outside of the tiles. @type {Point | null} */
  #pointer = null;

  /** @param {import("./heatmap-view.js").HeatmapView} view @param {Handlers} handlers */
  constructor(view, handlers) {
    this.#view = view;
    this.#handlers = handlers;
    const { frame } = view;
    frame.addEventListener("pointermove", (event) => {
      this.#pointer = { clientX: event.clientX, clientY: event.clientY };
      this.refresh();
    });
    frame.addEventListener("pointerleave", () => {
      this.#pointer = null;
      this.#hover(null);
    });
    frame.addEventListener("click", (event) => this.#select(this.#spotAt(event)));
    frame.addEventListener("keydown", (event) => this.#press(event));
    frame.addEventListener("blur", () => {
      this.#hover(null);
      view.showMarks();
    });
    frame.addEventListener("focus", () => {
      const selected = view.tileOf(view.selected);
      if (selected >= 0) view.spot = { tile: selected, y: 0, x: 0 };
      this.#showCursor();
    });
  }

  /** Show the value under the resting pointer, of a new tensor too. */
  refresh() {
    if (this.#pointer) this.#hover(this.#spotAt(this.#pointer), this.#pointer);
  }

  /** @param {Point} point @returns {Spot | null} */
  #spotAt({ clientX, clientY }) {
    const { tiles, grid } = this.#view;
    if (!tiles || !grid) return null;
    const { left, top } = this.#view.canvasBox;
    return spotIn(tiles, grid, (clientX - left) * devicePixelRatio, (clientY - top) * devicePixelRatio);
  }

  /** @param {Spot | null} spot @param {Point} [pointer] Left out for the keyboard. */
  #hover(spot, pointer) {
    const { tiles, options } = this.#view;
    const place = spot && tiles ? placeOf(tiles, spot.tile, spot.y, spot.x) : null;
    options.forEach((option, tile) => option.classList.toggle("hovered", Boolean(pointer) && tile === spot?.tile));
    this.tip.hidden = !place;
    if (place && spot) this.#showTip(place, pointer ?? this.#middle(spot));
    this.#handlers.hover(place);
  }

  /** Show the tip above a point, inside the window. @param {Place} place @param {Point} point */
  #showTip(place, { clientX, clientY }) {
    this.tip.textContent = this.#textOf(place);
    const half = this.tip.offsetWidth / 2 + 4;
    this.tip.style.left = `${Math.max(half, Math.min(innerWidth - half, clientX))}px`;
    this.tip.style.top = `${Math.max(this.tip.offsetHeight + 14, clientY)}px`;
  }

  /** @param {Place} place */
  #textOf({ value, ...labels }) {
    const where = Object.entries(labels).map(([axis, label]) => `${axis} ${label}`);
    const dtype = this.#view.tiles?.tensor.dtype ?? "float32";
    return `${where.join(" · ")}: ${exactDigits(Number(value), dtype).replace("-", "−")}`;
  }

  /** Client point above a tile or a value, where the tip of the keyboard's cursor goes. @param {Spot} spot @returns {Point} */
  #middle({ tile, y, x }) {
    const { left, top } = this.#view.canvasBox;
    const { grid, tiles } = this.#view;
    if (!grid || !tiles) return { clientX: left, clientY: top };
    const corner = this.#view.corner(tile);
    const isList = this.#view.options.length > 0;
    const across = isList ? grid.tileWidth / 2 : ((x + 0.5) * grid.tileWidth) / tiles.width;
    const down = isList ? 0 : (y * grid.tileHeight) / tiles.height;
    return {
      clientX: left + corner.left + across / devicePixelRatio,
      clientY: top + corner.top + down / devicePixelRatio,
    };
  }

  /** @param {Spot | null} spot */
  #select(spot) {
    const { tiles } = this.#view;
    if (!spot || !tiles) return;
    this.#view.spot = spot;
    this.#handlers.select(placeOf(tiles, spot.tile, spot.y, spot.x));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!this.#view.tiles || isShortcut(event)) return;
    if (event.key === "Enter" || event.key === " ") this.#select(this.#view.spot);
    else if (!this.#moveCursor(event.key, this.#view.tiles)) return;
    event.preventDefault();
  }

  /** @param {string} key @param {Tiles} tiles @returns {boolean} Whether the key moves the cursor. */
  #moveCursor(key, { shown, columns, width, height }) {
    const { spot } = this.#view;
    const isList = this.#view.options.length > 0;
    const [across, count] = isList ? [columns, shown.length] : [width, width * height];
    const index = isList ? spot.tile : spot.y * width + spot.x;
    const targets = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      ArrowUp: index - across,
      ArrowDown: index + across,
      Home: 0,
      End: count - 1,
    };
    const target = targets[/** @type {keyof typeof targets} */ (key)];
    if (target === undefined) return false;
    const next = target >= 0 && target < count ? target : index;
    this.#view.spot = isList
      ? { tile: next, y: 0, x: 0 }
      : { tile: 0, y: Math.floor(next / width), x: next % width };
    this.#showCursor();
    if (!isList) this.#hover(this.#view.spot);
    return true;
  }

  /** Show the keyboard's cursor, and describe its tile or value to screen readers. */
  #showCursor() {
    const { tiles, options, spot, frame } = this.#view;
    if (!tiles) return;
    options.forEach((option, tile) => option.classList.toggle("active", tile === spot.tile));
    const active = options[spot.tile];
    if (active) {
      active.setAttribute("aria-label", tileText(tiles, spot.tile));
      frame.setAttribute("aria-activedescendant", active.id);
    } else this.status.textContent = this.#textOf(placeOf(tiles, 0, spot.y, spot.x));
    this.#view.showMarks();
  }
}

/** Name and range of a tile. @param {Tiles} tiles @param {number} tile */
function tileText({ tensor, shown, width, height }, tile) {
  const first = shown[tile] * width * height;
  const values = tensor.values.subarray(first, first + width * height);
  const name = `${tensor.axes[0]} ${tensor.labels(tensor.axes[0])[shown[tile]] ?? shown[tile]}`;
  if (values.length === 1) return `${name}: ${formatNumber(values[0])}`;
  return `${name}, from ${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))}`;
}
