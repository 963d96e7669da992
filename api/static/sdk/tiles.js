/**
 * Tiles: layout of a tensor's values in a picture.
 *
 * `[y, x]` is one tile; `[channel, y, x]` a grid of them; `[channel]` a grid of single cells;
 * `[step, unit]` one tile in which time runs from left to right.
 */

import { colourIndex, MISSING, rangeOf } from "./colours.js";

/** @typedef {import("./tensor.js").Tensor} Tensor */

/**
 * @typedef {object} Tiles
 * @property {Tensor} tensor
 * @property {number[]} shown Index of each tile along the leading axes, flattened to one.
 * @property {number} columns Tiles of a row.
 * @property {number} rows
 * @property {number} width Of a tile, in values.
 * @property {number} height
 * @property {boolean} turned Whether the matrix is transposed: the first axis, time, runs across.
 */

/**
 * Lay out a tensor as tiles.
 * @param {Tensor} tensor
 * @param {{ channel?: number | null, columns?: number }} [options] Label of the only
 *   channel; tiles of a row.
 * @returns {Tiles}
 * @throws {RangeError} There is no such channel.
 */
export function tilesOf(tensor, { channel = null, columns } = {}) {
  const { shape, axes } = tensor;
  const turned = axes[0] === "step" && shape.length === 2;
  const isVector = shape.length === 1;
  const [height, width] = isVector ? [1, 1] : shape.slice(-2);
  const count = isVector ? shape[0] : shape.slice(0, -2).reduce((product, side) => product * side, 1);
  const every = Array.from({ length: count }, (_, tile) => tile);
  const shown = channel === null || count === 1 ? every : [positionOf(tensor, channel)];
  const inRow = Math.max(1, Math.min(shown.length, columns || preferred(shown.length, isVector)));
  const rows = Math.ceil(shown.length / inRow);
  const [across, down] = turned ? [height, width] : [width, height];
  return { tensor, shown, columns: inRow, rows, width: across, height: down, turned };
}

/** @param {number} count @param {boolean} isVector */
function preferred(count, isVector) {
  if (isVector) return count <= 16 ? count : 16;
  const root = Math.ceil(Math.sqrt(count));
  // A full rectangle is preferred to a square whose last row is incomplete.
  const even = [0, 1, 2, 3].map((more) => root + more).find((columns) => columns <= 8 && count % columns === 0);
  return even ?? Math.min(8, root);
}

/** @param {Tensor} tensor @param {number} channel */
function positionOf(tensor, channel) {
  const position = tensor.labels(tensor.axes[0]).indexOf(channel);
  if (position < 0) throw new RangeError(`${tensor.name} has no ${tensor.axes[0]} ${channel}; it has ${tensor.shape[0]}.`);
  return position;
}

/**
 * Index of a picture's value in the flat values of the tensor.
 * @param {Tiles} tiles
 * @param {number} tile Index among those shown.
 * @param {number} y Within the tile.
 * @param {number} x
 */
function flatOf({ shown, width, height, turned }, tile, y, x) {
  return shown[tile] * width * height + (turned ? x * height + y : y * width + x);
}

/**
 * A value and its label along every axis: `{ channel, y, x, value }`.
 * @param {Tiles} tiles
 * @param {number} tile
 * @param {number} y
 * @param {number} x
 * @returns {Record<string, number | string>}
 */
export function placeOf(tiles, tile, y, x) {
  const { tensor } = tiles;
  const flat = flatOf(tiles, tile, y, x);
  /** @type {Record<string, number | string>} */
  const place = {};
  let rest = flat;
  for (let axis = tensor.shape.length - 1; axis >= 0; axis -= 1) {
    place[tensor.axes[axis]] = tensor.labels(tensor.axes[axis])[rest % tensor.shape[axis]];
    rest = Math.floor(rest / tensor.shape[axis]);
  }
  return { ...Object.fromEntries(Object.entries(place).reverse()), value: tensor.values[flat] };
}

/**
 * Colour map and range of a tile.
 * @param {Tiles} tiles
 * @param {number} tile
 */
export function tileRange({ tensor, shown }, tile) {
  const leading = tensor.shape.length > 1 ? tensor.shape.slice(1, -2) : [];
  const inside = leading.reduce((product, side) => product * side, 1);
  return rangeOf(tensor, Math.floor(shown[tile] / inside));
}

/**
 * Paint all tiles, one pixel for each value, one tile below the other.
 * @param {Tiles} tiles
 * @param {Map<string, import("./colours.js").Table>} tables
 * @returns {ImageData}
 */
export function paintTiles(tiles, tables) {
  const { tensor, shown, width, height } = tiles;
  const picture = new ImageData(width, height * shown.length);
  let to = 0;
  shown.forEach((_, tile) => {
    const { map, low, high } = tileRange(tiles, tile);
    const table = tables.get(map);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, to += 4) {
        const index = colourIndex(tensor.values[flatOf(tiles, tile, y, x)], low, high);
        const from = 3 * index;
        picture.data[to] = table && index >= 0 ? table[from] : MISSING[0];
        picture.data[to + 1] = table && index >= 0 ? table[from + 1] : MISSING[1];
        picture.data[to + 2] = table && index >= 0 ? table[from + 2] : MISSING[2];
        picture.data[to + 3] = 255;
      }
    }
  });
  return picture;
}

/** @typedef {{ tile: number, y: number, x: number }} Spot A value of the picture: its tile, row and column. */

/**
 * @typedef {object} Grid Size of the tiles on the screen, in device pixels.
 * @property {number} tileWidth
 * @property {number} tileHeight
 * @property {number} gap
 * @property {number} width Of all.
 * @property {number} height
 */

/**
 * Fit tiles into a width and a height. Each value gets a whole number of pixels, so that all are equally large,
 * unless that would leave more than a fifth of the width empty, as small tiles often would.
 * @param {Tiles} tiles
 * @param {{ across: number, down: number }} room Pixels; `down` may be infinite.
 * @param {number} gap Between two tiles.
 * @param {number} largest Most pixels for one value.
 * @returns {Grid}
 */
export function fit({ columns, rows, width, height }, room, gap, largest) {
  const across = Math.max(1, (room.across - gap * (columns - 1)) / columns);
  const down = Math.max(1, (room.down - gap * (rows - 1)) / rows);
  const most = Math.min(across, (down * width) / height);
  const whole = Math.floor(most / width);
  const scale = whole * width >= 0.8 * most ? whole : most / width;
  const side = Math.min(scale, largest);
  const [tileWidth, tileHeight] = [Math.max(1, Math.round(width * side)), Math.max(1, Math.round(height * side))];
  return {
    tileWidth,
    tileHeight,
    gap,
    width: columns * tileWidth + gap * (columns - 1),
    height: rows * tileHeight + gap * (rows - 1),
  };
}

/**
 * Top left corner of a tile, in device pixels.
 * @param {Tiles} tiles
 * @param {Grid} grid
 * @param {number} tile
 */
export function cornerOf({ columns }, { tileWidth, tileHeight, gap }, tile) {
  return { left: (tile % columns) * (tileWidth + gap), top: Math.floor(tile / columns) * (tileHeight + gap) };
}

/**
 * The value at a position of the picture; null between the tiles and outside.
 * @param {Tiles} tiles
 * @param {Grid} grid
 * @param {number} across Device pixels from the left.
 * @param {number} down Device pixels from the top.
 * @returns {Spot | null}
 */
export function spotIn(tiles, grid, across, down) {
  const column = Math.floor(across / (grid.tileWidth + grid.gap));
  const tile = Math.floor(down / (grid.tileHeight + grid.gap)) * tiles.columns + column;
  if (across < 0 || down < 0 || column >= tiles.columns || tile >= tiles.shown.length) return null;
  const { left, top } = cornerOf(tiles, grid, tile);
  const y = Math.floor(((down - top) * tiles.height) / grid.tileHeight);
  const x = Math.floor(((across - left) * tiles.width) / grid.tileWidth);
  return y < tiles.height && x < tiles.width ? { tile, y, x } : null;
}
