/** Convolution: the kernel over the map that it reads, its products, their sum, and the map that the sums fill. */

import { make } from "../../../sdk/dom.js";
import { exactDigits, formatNumber } from "../../../sdk/number-format.js";
import { exactNumber } from "../../exact-number.js";
import { firstInput } from "../../model-facts.js";
import { sumLine } from "../../sum-line.js";
import { VectorBars } from "../../vector-bars.js";
import { kernelGrid } from "../kernel-grid.js";
import { operationOf } from "../operations.js";
import { boxOf, coloursOf, digits, filled, placeOf, result } from "./computation.js";
import { exactSum } from "./exact-sum.js";
import { MapFigure } from "./map-figure.js";
import { boxesOf, positionsOf, valuesIn, windowsOf } from "./windows.js";

const FACTORS = ["patch", "kernel", "products"];

/**
 * @param {import("./computation.js").Material} material
 * @returns {import("./computation.js").Computation}
 */
export function convolution({ layer, channel, read, made, weights, tables, go }) {
  const { kernel, biases } = /** @type {import("./computation.js").Weights} */ (weights);
  const [inputs, height, width] = kernel.shape.slice(1);
  const [columns, across] = [made.shape[2], read.shape[2]];
  const axes = windowsOf(layer, read.shape.slice(1));
  const first = firstInput(channel, { outputs: made.shape[0], read: read.shape[0], inputs });
  const bias = biases ? biases[0] : 0;
  const map = made.slice(channel);
  const source = layer.inputs[0];
  const kernels = Array.from({ length: inputs }, (_, input) => kernel.slice(0, input));
  let chosen = liveliest(kernels, (input) => read.slice(first + input));
  let shown = 0;

  const input = new MapFigure(`Map of ${source} that the kernel lies on`);
  const output = new MapFigure(`Map of ${layer.name}, channel ${channel}: choose a position`, ({ y, x }) => go(y * columns + x));
  output.title = `${layer.name}, channel ${channel}`;
  const bars = new VectorBars(`Contribution of each channel of ${source}`, (at) => {
    chosen = at;
    show(shown);
  });
  const numbers = make("div", { class: "textbook" });
  const pointed = make("p", { class: "number quiet" });
  const sum = make("div", { class: "arithmetic-sum" });
  const value = make("div");
  const many = make("div", {}, make("h4", {}, `Sums of all ${inputs} channels of ${source}`), bars.element);
  many.hidden = inputs === 1;
  const element = make("div", { class: "forward-frame" }, input.element, make("div", { class: "forward-sum" }, numbers, pointed, many, sum, value), output.element);
  const point = pointAt(numbers, pointed);

  /** Products of patch and kernel at a position, by input channel. @param {number} position */
  function termsAt(position) {
    const { y, x } = placeOf(position, columns);
    const [rows, along] = [positionsOf(axes[0], y), positionsOf(axes[1], x)];
    const patches = kernels.map((_, at) => valuesIn(read.slice(first + at), rows, along, across));
    const products = kernels.map((weight, at) => patches[at].map((one, cell) => one * weight[cell]));
    return { rows, along, patches, products, sum: exactSum([...products.flat(), bias]) };
  }

  /** @param {number} position */
  function show(position) {
    shown = position;
    const { rows, along, patches, products, sum: total } = termsAt(position);
    const from = first + chosen;
    const place = placeOf(position, columns);
    input.title = read.shape[0] > 1 ? `${source}, channel ${from}` : source;
    const middle = { y: rows[Math.floor(height / 2)].at, x: along[Math.floor(width / 2)].at };
    input.show({ values: read.slice(from), width: across, colours: coloursOf(tables, read, from), at: middle, boxes: boxesOf(rows, along) });
    const isOutside = (/** @type {number} */ at) => !rows[Math.floor(at / width)].isInside || !along[at % width].isInside;
    const colours = [coloursOf(tables, read, from), coloursOf(tables, kernel), symmetric(products[chosen], tables)];
    const values = [patches[chosen], kernels[chosen], products[chosen]];
    const grids = values.map((one, at) =>
      make(
        "figure",
        {},
        kernelGrid(`${FACTORS[at]} at this position`, one, colours[at], { dtype: at === 2 ? "float64" : "float32", columns: width, outside: at ? undefined : isOutside }),
        make("figcaption", { class: "quiet" }, FACTORS[at]),
      ),
    );
    numbers.replaceChildren(grids[0], sign("×"), grids[1], sign("="), grids[2]);
    point.show(values, width, exactSum(products[chosen]), inputs > 1 ? `channel ${from}` : "the products");
    const contributions = Float64Array.from(products, exactSum);
    bars.show(contributions, { selected: chosen, dtype: "float64", unit: `${source} channel`, names: kernels.map((_, at) => String(first + at)) });
    sum.replaceChildren(...sumLine(inputs > 1 ? contributions : products[0], biases ? bias : null, total, inputs === 1));
    value.replaceChildren(result(`${layer.name} in float32:`, map[position]));
    output.show({ values: filled(map, position), width: columns, colours: coloursOf(tables, made, channel), at: place, boxes: [boxOf(place)] });
  }

  /** @param {number} position */
  function describe(position) {
    const { y, x } = placeOf(position, columns);
    return `Row ${y}, column ${x}: the sum is ${formatNumber(termsAt(position).sum, 5)}.`;
  }

  const each = inputs > 1 ? ` for each of the ${inputs} channels that it reads` : "";
  return {
    title: operationOf(layer).title,
    says: `The kernel lies on a patch of ${source}; the products of both${each} and a bias add up to one value of the map. Then it moves on.`,
    element,
    count: map.length,
    columns,
    show,
    describe: (position) => `${describe(position)} ${layer.name} has ${digits(map[position])}.`,
  };
}

/** Input channel whose products can be largest. @param {ArrayLike<number>[]} kernels @param {(input: number) => ArrayLike<number>} mapOf */
function liveliest(kernels, mapOf) {
  const most = (/** @type {ArrayLike<number>} */ values) => Array.from(values).reduce((found, one) => Math.max(found, Math.abs(one)), 0);
  const sizes = kernels.map((kernel, at) => most(kernel) * most(mapOf(at)));
  return sizes.indexOf(Math.max(...sizes));
}

/** @param {number[]} values @param {import("./computation.js").Material["tables"]} tables */
function symmetric(values, tables) {
  const most = Math.max(...values.map(Math.abs)) || 1;
  return { low: -most, high: most, table: /** @type {import("../../../sdk/colours.js").Table} */ (tables.get("RdBu")) };
}

/** @param {string} text */
function sign(text) {
  return make("span", { class: "sign", "aria-hidden": "true" }, text);
}

/**
 * Write the number under the pointer, which stays there while the numbers change; else their sum.
 * @param {HTMLElement} grids
 * @param {HTMLElement} line
 */
function pointAt(grids, line) {
  /** @type {{ grid: number, cell: number } | null} */
  let at = null;
  /** @type {{ values: ArrayLike<number>[], width: number, sum: number, name: string } | null} */
  let shown = null;
  const write = () => {
    if (!shown) return;
    const { values, width, sum, name } = shown;
    if (!at) return line.replaceChildren(`${name} ${name.startsWith("channel") ? "adds" : "add"} up to `, exactNumber(sum, "float64", formatNumber(sum, 5)));
    const text = exactDigits(values[at.grid][at.cell], at.grid === 2 ? "float64" : "float32").replace("-", "−");
    line.textContent = `${FACTORS[at.grid]}, row ${Math.floor(at.cell / width)}, column ${at.cell % width}: ${text}`;
  };
  grids.addEventListener("pointermove", ({ target }) => {
    const cell = /** @type {Element} */ (target).closest("g");
    const grid = cell?.closest("figure");
    const figures = Array.from(grids.querySelectorAll("figure"));
    at = cell && grid ? { grid: figures.indexOf(grid), cell: Array.from(cell.parentElement?.children ?? []).indexOf(cell) } : null;
    write();
  });
  grids.addEventListener("pointerleave", () => {
    at = null;
    write();
  });
  return {
    /** @param {ArrayLike<number>[]} values @param {number} width @param {number} sum @param {string} name */
    show(values, width, sum, name) {
      shown = { values, width, sum, name };
      write();
    },
  };
}
