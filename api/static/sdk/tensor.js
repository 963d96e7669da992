/**
 * Tensor: named values with an axis name for every dimension, as the server describes them.
 */

import { exactDigits } from "./number-format.js";

/** @typedef {Float32Array | Float64Array | Int32Array | Uint8Array} Values */

/**
 * @typedef {object} Stats
 * Statistics of the finite values; null where there are none.
 * @property {number | null} min Smallest value.
 * @property {number | null} max Largest value.
 * @property {number | null} mean Mean value.
 * @property {number | null} std Standard deviation.
 * @property {number | null} zero_fraction Fraction of the values that are exactly zero.
 */

/**
 * @typedef {object} Colour
 * Colour map and range of the tensor in the server's pictures.
 * @property {string} map `viridis`, `cividis`, `gray` or `RdBu`.
 * @property {number | number[]} vmin Value of the first colour; a list by channel where `scope` is "channel".
 * @property {number | number[]} vmax Value of the last colour; a list where `vmin` is one.
 * @property {"channel" | "layer" | "fixed"} scope Values that share one range.
 */

/**
 * @typedef {object} Description
 * Name, shape and meaning of a tensor, without its values.
 * @property {string} name Name of the tensor, such as `relu1`.
 * @property {string} kind Kind of the values: `gate`, `post_activation`, …
 * @property {string[]} axes The name of every axis, in order.
 * @property {Record<string, (number | string)[]>} coordinates Labels along an axis, where they are
 *   names or not all indices from 0.
 * @property {number[]} shape Size of each axis.
 * @property {string} dtype Type of the values, such as `float32`.
 * @property {Stats} [stats] Absent where the request leaves it out (`include`).
 * @property {Colour | null} colour Null for values that no picture shows.
 * @property {string} [encoding] `uint8` where the values are quantised.
 * @property {number | number[]} [scale] Width of one level of quantised values.
 * @property {number | number[]} [offset] Value of the level 0.
 */

/** Named values; `values` is flat in row-major order: the last axis varies fastest. */
export class Tensor {
  /**
   * @param {Description} description
   * @param {Values} values As many as the product of the shape.
   */
  constructor(description, values) {
    const size = description.shape.reduce((product, side) => product * side, 1);
    if (size !== values.length) {
      throw new RangeError(`${description.name} has ${values.length} values, but its shape needs ${size}.`);
    }
    this.name = description.name;
    this.kind = description.kind;
    this.axes = description.axes;
    this.coordinates = description.coordinates;
    this.shape = description.shape;
    this.dtype = description.dtype;
    this.stats = description.stats;
    this.colour = description.colour;
    this.values = values;
  }

  /** Description without the values. @returns {Description} */
  get description() {
    const { name, kind, axes, coordinates, shape, dtype, stats, colour } = this;
    return { name, kind, axes, coordinates, shape, dtype, stats, colour };
  }

  /**
   * One value, by its index along every axis.
   * @param {...number} positions
   */
  at(...positions) {
    return this.values[this.#offset(positions)];
  }

  /**
   * Values at indices of the leading axes, as a view: `slice(7)` of a layer is its channel 7.
   * @param {...number} positions Indices along the leading axes.
   * @returns {Values}
   */
  slice(...positions) {
    const size = this.shape.slice(positions.length).reduce((product, side) => product * side, 1);
    const start = this.#offset(positions);
    return this.values.subarray(start, start + size);
  }

  /**
   * Labels along an axis: its coordinates, or the indices where it has none.
   * @param {string} axis
   * @returns {(number | string)[]}
   */
  labels(axis) {
    const size = this.shape[this.axes.indexOf(axis)];
    return this.coordinates[axis] ?? Array.from({ length: size }, (_, position) => position);
  }

  /** Values as nested arrays, as in the server's JSON: NaN and infinities are null. */
  toNested() {
    /** @type {(depth: number, start: number) => any} */
    const nest = (depth, start) => {
      if (depth === this.shape.length) {
        const value = this.values[start];
        return Number.isFinite(value) ? value : null;
      }
      const step = this.shape.slice(depth + 1).reduce((product, side) => product * side, 1);
      return Array.from({ length: this.shape[depth] }, (_, at) => nest(depth + 1, start + at * step));
    };
    return nest(0, 0);
  }

  /** CSV with a row for each value: its label along every axis, and the value. */
  toCSV() {
    const names = this.axes.map((axis) => this.labels(axis));
    const lines = [[...this.axes, "value"].join(",")];
    this.values.forEach((value, flat) => {
      let rest = flat;
      const place = this.shape.map(() => /** @type {number | string} */ (0));
      for (let axis = this.shape.length - 1; axis >= 0; axis -= 1) {
        place[axis] = names[axis][rest % this.shape[axis]];
        rest = Math.floor(rest / this.shape[axis]);
      }
      lines.push([...place, exactDigits(value, this.dtype)].join(","));
    });
    return `${lines.join("\n")}\n`;
  }

  /** @param {number[]} positions */
  #offset(positions) {
    let offset = 0;
    this.shape.forEach((side, axis) => {
      const position = positions[axis] ?? 0;
      if (!(position >= 0 && position < side)) {
        throw new RangeError(`${this.name} has no ${this.axes[axis]} ${position}: the index goes from 0 to ${side - 1}.`);
      }
      offset = offset * side + position;
    });
    return offset;
  }
}
