/**
 * Colour maps of the server, so that the page has exactly the colours of the server's PNGs.
 */

/** @typedef {Uint8ClampedArray} Table 256 colours, three bytes (RGB) each, low values first. */

/** @type {Map<string, Promise<Map<string, Table>>>} */
const tablesByServer = new Map();

/** Colour of NaN. */
export const MISSING = /** @type {const} */ ([136, 136, 136]);

/**
 * Load the colour maps of a server, once.
 * @param {import("./client.js").Lightwell} lightwell
 * @returns {Promise<Map<string, Table>>} By name.
 */
export function colourMaps(lightwell) {
  const cached = tablesByServer.get(lightwell.server);
  if (cached) return cached;
  const loading = lightwell.get("/colormaps").then(
    ({ colormaps }) =>
      new Map(
        colormaps.map((/** @type {{ name: string, colours: string[] }} */ one) => [
          one.name,
          Uint8ClampedArray.from(one.colours.flatMap(channelsOf)),
        ]),
      ),
  );
  tablesByServer.set(lightwell.server, loading);
  loading.catch(() => tablesByServer.delete(lightwell.server)); // the next call tries again
  return loading;
}

/** @param {string} hex Such as `#440154`. */
function channelsOf(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/**
 * Index of a value's colour, 0 to 255; -1 for NaN.
 * @param {number} value
 * @param {number} low Value of the first colour.
 * @param {number} high Value of the last colour.
 */
export function colourIndex(value, low, high) {
  if (Number.isNaN(value)) return -1;
  const share = (value - low) / (high - low || 1);
  return Math.min(255, Math.max(0, Math.round(255 * share)));
}

/**
 * Paint a matrix, one pixel for each value.
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
 * Colour map and range of one channel of a tensor.
 * @param {import("./tensor.js").Tensor} tensor
 * @param {number} [channel] Index in the tensor, for ranges by channel.
 * @returns {{ map: string, low: number, high: number, scope: string }}
 */
export function rangeOf(tensor, channel = 0) {
  const { map, vmin, vmax, scope } = tensor.colour ?? ownRange(tensor);
  const end = (/** @type {number | number[]} */ bound) => (Array.isArray(bound) ? bound[channel] : bound);
  return { map, low: end(vmin), high: end(vmax), scope };
}

/**
 * Colours of a tensor that the server gave none: symmetric about zero where a value is negative.
 * @param {import("./tensor.js").Tensor} tensor
 * @returns {import("./tensor.js").Colour}
 */
function ownRange({ stats, values }) {
  // An answer may leave statistics out.
  const low = (stats ? stats.min : lowest(values)) ?? 0;
  const high = (stats ? stats.max : -lowest(values, -1)) ?? 0;
  if (low >= 0) return { map: "viridis", vmin: low, vmax: high, scope: "layer" };
  const most = Math.max(-low, high);
  return { map: "RdBu", vmin: -most, vmax: most, scope: "layer" };
}

/**
 * Smallest finite value, times a sign; 0 without any.
 * @param {ArrayLike<number>} values
 * @param {number} [sign]
 */
function lowest(values, sign = 1) {
  let found = Infinity;
  for (let at = 0; at < values.length; at += 1) {
    if (Number.isFinite(values[at])) found = Math.min(found, sign * values[at]);
  }
  return Number.isFinite(found) ? found : 0;
}
