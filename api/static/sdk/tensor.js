/**
 * Tensor: named values with an axis name for every dimension, as the server describes them.
 */

import { exactDigits } from "./number-format.js";

/** @typedef {Float32Array | Float64Array | Int32Array | Uint8Array} Values */

/**
 * @typedef {object} Stats
 * Statistics of the finite values; null where there are none.
 * @property {number | null} min
 * @property {number | null} max
 * @property {number | null} mean
 * @property {number | null} std
 * @property {number | null} zero_fraction Share of the values that are exactly zero.
 */

/**
 * @typedef {object} Colour
 * How the server's pictures colour the tensor.
 * @property {string} map `viridis`, `cividis`, `gray` or `RdBu`.
 * @property {number | number[]} vmin The low end; one for each channel where `scope` is "channel".
 * @property {number | number[]} vmax The high end, likewise.
 * @property {"channel" | "layer" | "fixed"} scope
 */

/**
 * @typedef {object} Description
 * Everything about a tensor but its values.
 * @property {string} name
 * @property {string} kind What the values are: `gate`, `post_activation`, …
 * @property {string[]} axes The name of every axis, in order.
 * @property {Record<string, (number | string)[]>} coordinates For an axis, what each row along it
 *   is, where not all rows are here or rows have names.
 * @property {number[]} shape
 * @property {string} dtype
 * @property {Stats} stats
 * @property {Colour | null} colour
 */

/** Values with a name; `values` is flat, the last axis running fastest. */
export class Tensor {
  /**
   * @param {Description} description
   * @param {Values} values As many as the shape says.
   */
  constructor(description, values) {
    const size = description.shape.reduce((product, side) => product * side, 1);
    if (size !== values.length) {
      throw new RangeError(`${description.name} has ${values.length} values, its shape ${size}`);
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

  /** Everything but the values. @returns {Description} */
  get description() {
    const { name, kind, axes, coordinates, shape, dtype, stats, colour } = this;
    return { name, kind, axes, coordinates, shape, dtype, stats, colour };
  }

  /**
   * Return one value by its position along every axis, counted from 0.
   * @param {...number} positions
   */
  at(...positions) {
    return this.values[this.#offset(positions)];
  }

  /**
   * Return the values at the first positions, as a view: `slice(7)` of a layer is channel 7.
   * @param {...number} positions Along the first axes, counted from 0.
   * @returns {Values}
   */
  slice(...positions) {
    const size = this.shape.slice(positions.length).reduce((product, side) => product * side, 1);
    const start = this.#offset(positions);
    return this.values.subarray(start, start + size);
  }

  /**
   * Return what the rows along an axis are called: their coordinates, else their positions.
   * @param {string} axis
   * @returns {(number | string)[]}
   */
  labels(axis) {
    const size = this.shape[this.axes.indexOf(axis)];
    return this.coordinates[axis] ?? Array.from({ length: size }, (_, position) => position);
  }

  /** The values as nested arrays, as the server's JSON has them; what is not finite is null. */
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

  /** One line for each value: where it stands along every axis, and the value. */
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
        throw new RangeError(`${this.axes[axis]} ${position} of ${this.name} is not one of ${side}`);
      }
      offset = offset * side + position;
    });
    return offset;
  }
}
