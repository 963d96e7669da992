/** Heat map view: tiles on a canvas, an accessible option for each tile, outlines of values. */

import { make } from "./dom.js";
import { cornerOf, fit, paintTiles } from "./tiles.js";

/** @typedef {import("./tiles.js").Spot} Spot */
/** @typedef {{ y: number, x: number, height?: number, width?: number }} Box In values. */

const GAP = 2; // CSS pixels between two tiles
const LARGEST_CELL = 24; // CSS pixels of a vector's value
const LARGEST_VALUE = 48; // CSS pixels of another tensor's value

export class HeatmapView {
  #canvas = make("canvas", { "aria-hidden": "true" });
  #markBox = make("div", { class: "mark", hidden: true });
  #cursorBox = make("div", { class: "mark cursor", hidden: true });
  frame = make("div", { class: "frame", tabIndex: 0 }, this.#canvas, this.#markBox, this.#cursorBox);
  /** One pixel for each value; copies of it, enlarged, are the tiles. */
  #atlas = make("canvas");

  /** @type {import("./tiles.js").Tiles | null} */
  tiles = null;
  /** @type {import("./tiles.js").Grid | null} */
  grid = null;
  /** One for each tile of several; empty for a single map. @type {HTMLElement[]} */
  options = [];
  /** Position of the keyboard's cursor. @type {Spot} */
  spot = { tile: 0, y: 0, x: 0 };
  /** @type {number | string | null} */
  selected = null;
  /** @type {Box | null} */
  marked = null;

  constructor() {
    this.frame.hidden = true;
  }

  /**
   * Set the tiles and name them for screen readers; `paint` draws them.
   * @param {import("./tiles.js").Tiles} tiles
   * @param {string} label
   */
  show(tiles, label) {
    this.tiles = tiles;
    const { tensor, shown } = tiles;
    const isList = shown.length > 1;
    this.frame.setAttribute("role", isList ? "listbox" : "img");
    const size = `${tiles.height} by ${tiles.width} values; arrow keys read them`;
    this.frame.setAttribute("aria-label", isList ? label : `${label}, ${size}`);
    const { tile, y, x } = this.spot;
    this.spot = { tile, y: Math.min(y, tiles.height - 1), x: Math.min(x, tiles.width - 1) };
    const labels = tensor.labels(tensor.axes[0]);
    const names = isList ? shown.map((tile) => `${tensor.axes[0]} ${labels[tile] ?? tile}`) : [];
    // The options of another picture with as many tiles are kept: screen readers keep their place.
    if (this.options.length === names.length) {
      this.options.forEach((option, at) => option.setAttribute("aria-label", names[at]));
      return;
    }
    this.options.forEach((option) => option.remove());
    this.options = names.map((name, at) => make("div", { role: "option", id: `tile-${shown[at]}`, "aria-label": name }));
    this.frame.append(...this.options);
    this.showSelected();
    this.spot = { tile: 0, y: 0, x: 0 };
    this.frame.removeAttribute("aria-activedescendant");
  }

  /**
   * Draw the tiles.
   * @param {Map<string, import("./colours.js").Table>} tables Colour maps by name.
   * @param {{ across: number, down?: number, cell?: number }} room Width, largest height and largest size of a value, in
   *   CSS pixels.
   * @returns {boolean} Whether the tiles have another size or place than before.
   */
  paint(tables, room) {
    const { tiles } = this;
    const across = Math.floor(room.across * devicePixelRatio);
    if (!tiles || across < 1) return false;
    const gap = tiles.shown.length > 1 ? Math.round(GAP * devicePixelRatio) : 0;
    const largest = room.cell ?? (tiles.width * tiles.height === 1 ? LARGEST_CELL : LARGEST_VALUE);
    const down = (room.down ?? Infinity) * devicePixelRatio;
    const grid = fit(tiles, { across, down }, gap, largest * devicePixelRatio);
    const isMoved = JSON.stringify(grid) !== JSON.stringify(this.grid);
    this.grid = grid;
    const picture = paintTiles(tiles, tables);
    Object.assign(this.#atlas, { width: picture.width, height: picture.height });
    this.#atlas.getContext("2d", { willReadFrequently: true })?.putImageData(picture, 0, 0);
    this.#enlarge(tiles, grid);
    if (isMoved || this.options.some((option) => !option.style.width)) this.#placeOptions(grid);
    return isMoved;
  }

  /** @param {import("./tiles.js").Tiles} tiles @param {import("./tiles.js").Grid} grid */
  #enlarge(tiles, grid) {
    const { shown, width, height } = tiles;
    const { tileWidth, tileHeight } = grid;
    Object.assign(this.#canvas, { width: grid.width, height: grid.height }); // also clears it
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    // A value is a sharp square where it has two pixels or more; smaller values are averaged.
    context.imageSmoothingEnabled = tileWidth < 2 * width && tileWidth !== width;
    context.imageSmoothingQuality = "high";
    shown.forEach((_, tile) => {
      const { left, top } = cornerOf(tiles, grid, tile);
      context.drawImage(this.#atlas, 0, tile * height, width, height, left, top, tileWidth, tileHeight);
    });
  }

  /** @param {import("./tiles.js").Grid} grid */
  #placeOptions({ width, height, tileWidth, tileHeight }) {
    const size = { width: `${width / devicePixelRatio}px`, height: `${height / devicePixelRatio}px` };
    Object.assign(this.#canvas.style, size);
    Object.assign(this.frame.style, size);
    this.options.forEach((option, tile) => {
      const { left, top } = this.corner(tile);
      Object.assign(option.style, {
        left: `${left}px`,
        top: `${top}px`,
        width: `${tileWidth / devicePixelRatio}px`,
        height: `${tileHeight / devicePixelRatio}px`,
      });
    });
    this.showMarks();
  }

  /** Top left corner of a tile, in CSS pixels from that of the canvas. @param {number} tile */
  corner(tile) {
    if (!this.tiles || !this.grid) return { left: 0, top: 0 };
    const { left, top } = cornerOf(this.tiles, this.grid, tile);
    return { left: left / devicePixelRatio, top: top / devicePixelRatio };
  }

  /** Client rectangle of the canvas. */
  get canvasBox() {
    return this.#canvas.getBoundingClientRect();
  }

  /**
   * Client rectangle of a tile; null where it is not displayed.
   * @param {number | string} label
   * @returns {DOMRect | null}
   */
  boxOf(label) {
    const tile = this.tileOf(label);
    if (tile < 0 || !this.grid) return null;
    const { left, top } = this.frame.getBoundingClientRect();
    const corner = this.corner(tile);
    const { tileWidth, tileHeight } = this.grid;
    return new DOMRect(
      left + corner.left,
      top + corner.top,
      tileWidth / devicePixelRatio,
      tileHeight / devicePixelRatio,
    );
  }

  /** Index of the displayed tile with a label; -1 for none. @param {number | string | null} label */
  tileOf(label) {
    if (!this.tiles || label === null) return -1;
    const { tensor, shown } = this.tiles;
    return shown.indexOf(tensor.labels(tensor.axes[0]).indexOf(label));
  }

  showSelected() {
    const selected = this.tileOf(this.selected);
    this.options.forEach((option, tile) => option.setAttribute("aria-selected", String(tile === selected)));
  }

  /** Outline the marked values and the keyboard's cursor. */
  showMarks() {
    this.#outline(this.#markBox, this.marked);
    const hasCursor = this.tiles?.shown.length === 1 && this.frame.matches(":focus-visible");
    this.#outline(this.#cursorBox, hasCursor ? this.spot : null);
  }

  /** @param {HTMLElement} element @param {Box | null} box */
  #outline(element, box) {
    const { tiles, grid } = this;
    element.hidden = !box || !grid || tiles?.shown.length !== 1;
    if (element.hidden || !box || !grid || !tiles) return;
    const cell = grid.width / tiles.width / devicePixelRatio;
    Object.assign(element.style, {
      left: `${box.x * cell}px`,
      top: `${box.y * cell}px`,
      width: `${(box.width ?? 1) * cell}px`,
      height: `${(box.height ?? 1) * cell}px`,
    });
  }
}
