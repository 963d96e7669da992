/**
 * Colours: the server's own colour maps, so that a page colours exactly as its pictures do.
 */

/** @typedef {Uint8ClampedArray} Table 256 colours, red, green and blue of each, low values first. */

/** @type {Map<string, Promise<Map<string, Table>>>} */
const tables = new Map();

/** What is not a number is drawn in this. */
export const MISSING = /** @type {const} */ ([136, 136, 136]);

/**
 * Load the colour maps of a server, once.
 * @param {import("./client.js").Lightwell} lightwell
 * @returns {Promise<Map<string, Table>>} By name.
 */
export function colourMaps(lightwell) {
  const held = tables.get(lightwell.server);
  if (held) return held;
  const loading = lightwell.get("/colormaps").then(
    ({ colormaps }) =>
      new Map(
        colormaps.map((/** @type {{ name: string, colours: string[] }} */ one) => [
          one.name,
          Uint8ClampedArray.from(one.colours.flatMap(channelsOf)),
        ]),
      ),
  );
  tables.set(lightwell.server, loading);
  loading.catch(() => tables.delete(lightwell.server));
  return loading;
}

/** @param {string} hex Such as `#440154`. */
function channelsOf(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/**
 * Return which of the 256 colours a value has; -1 for what is not a number.
 * @param {number} value
 * @param {number} low Value of the first colour.
 * @param {number} high Value of the last.
 */
export function colourIndex(value, low, high) {
  if (Number.isNaN(value)) return -1;
  const share = (value - low) / (high - low || 1);
  return Math.min(255, Math.max(0, Math.round(255 * share)));
}

/**
 * Colour a matrix, one pixel for each value.
 * @param {ArrayLike<number>} values Row by row.
 * @param {number} width
 * @param {number} low
 * @param {number} high
 * @param {Table} table
 * @returns {ImageData}
 */
export function paint(values, width, low, high, table) {
  const picture = new ImageData(width, values.length / width);
  for (let at = 0; at < values.length; at += 1) {
    const index = colourIndex(values[at], low, high);
    for (let channel = 0; channel < 3; channel += 1) {
      picture.data[4 * at + channel] = index < 0 ? MISSING[channel] : table[3 * index + channel];
    }
    picture.data[4 * at + 3] = 255;
  }
  return picture;
}

/**
 * Return how one channel of a tensor is coloured.
 * @param {import("./tensor.js").Tensor} tensor
 * @param {number} [channel] Its position in the tensor, for a range by channel.
 * @returns {{ map: string, low: number, high: number, scope: string }}
 */
export function rangeOf(tensor, channel = 0) {
  const { map, vmin, vmax, scope } = tensor.colour ?? ownRange(tensor);
  const end = (/** @type {number | number[]} */ bound) => (Array.isArray(bound) ? bound[channel] : bound);
  return { map, low: end(vmin), high: end(vmax), scope };
}

/**
 * Colour what the server left without colours: about zero where it can be negative.
 * @param {import("./tensor.js").Tensor} tensor
 * @returns {import("./tensor.js").Colour}
 */
function ownRange({ stats }) {
  const low = stats.min ?? 0;
  const high = stats.max ?? 0;
  if (low >= 0) return { map: "viridis", vmin: low, vmax: high, scope: "layer" };
  const most = Math.max(-low, high);
  return { map: "RdBu", vmin: -most, vmax: most, scope: "layer" };
}
