/** Pooling: a window over a map, its largest value or mean, and the smaller map that these fill. */

import { make, makeSvg } from "../../../sdk/dom.js";
import { exactNumber } from "../../exact-number.js";
import { kernelGrid } from "../kernel-grid.js";
import { operationOf } from "../operations.js";
import { boxOf, coloursOf, digits, filled, placeOf, result } from "./computation.js";
import { exactSum } from "./exact-sum.js";
import { MapFigure } from "./map-figure.js";
import { boxesOf, countedBy, positionsOf, valuesIn, windowsOf } from "./windows.js";

/**
 * @param {import("./computation.js").Material} material
 * @returns {import("./computation.js").Computation}
 */
export function pooling({ layer, channel, read, made, tables, go }) {
  const { isMaximum, title, kernel } = operationOf(layer);
  const axes = windowsOf(layer, read.shape.slice(1));
  const [columns, across] = [made.shape[2], read.shape[2]];
  const [map, under] = [made.slice(channel), read.slice(channel)];
  const source = layer.inputs[0];
  const countsPadding = /\bcountpad\b/.test(layer.operation);
  const colours = coloursOf(tables, read, channel);

  const input = new MapFigure(`Map of ${source} that the window lies on`);
  const output = new MapFigure(`Map of ${layer.name}, channel ${channel}: choose a position`, ({ y, x }) => go(y * columns + x));
  input.title = `${source}, channel ${channel}`;
  output.title = `${layer.name}, channel ${channel}`;
  const grid = make("div", { class: "forward-window" });
  const words = make("p");
  const value = make("div");
  const element = make("div", { class: "forward-frame" }, input.element, make("div", { class: "forward-sum" }, grid, make("div", { class: "arithmetic-sum" }, words), value), output.element);

  /** @param {number} position */
  function windowAt(position) {
    const { y, x } = placeOf(position, columns);
    const [rows, along] = [positionsOf(axes[0], y), positionsOf(axes[1], x)];
    const inside = rows.flatMap((row) => along.map((column) => row.isInside && column.isInside));
    const values = valuesIn(under, rows, along, across);
    const known = values.filter((_, at) => inside[at]);
    const count = countedBy(axes[0], y, countsPadding) * countedBy(axes[1], x, countsPadding);
    const found = isMaximum ? Math.max(...known) : exactSum(known) / count;
    const winner = values.findIndex((one, at) => inside[at] && one === found);
    return { rows, along, inside, values, known, count, found, winner };
  }

  /** @param {number} position */
  function show(position) {
    const { rows, along, inside, values, known, count, found, winner } = windowAt(position);
    const place = placeOf(position, columns);
    const kept = { y: rows[Math.max(0, Math.floor(winner / along.length))].at, x: along[Math.max(0, winner % along.length)].at };
    input.show({ values: under, width: across, colours, at: isMaximum ? kept : { y: rows[0].at, x: along[0].at }, boxes: boxesOf(rows, along) });
    const picture = kernelGrid("The values in the window", values, colours, { columns: along.length, outside: (at) => !inside[at] });
    if (isMaximum) picture.append(outline(picture.children[winner]));
    grid.replaceChildren(picture);
    const exact = exactNumber(found, isMaximum ? "float32" : "float64", digits(Math.fround(found)));
    if (isMaximum) words.replaceChildren(`The largest of ${known.length} is at row ${kept.y}, column ${kept.x}: `, exact);
    else words.replaceChildren("The sum ", exactNumber(exactSum(known), "float64"), ` divided by ${count} is `, exact);
    value.replaceChildren(result(`${layer.name} in float32:`, map[position]));
    output.show({ values: filled(map, position), width: columns, colours: coloursOf(tables, made, channel), at: place, boxes: [boxOf(place)] });
  }

  return {
    title,
    says: `A window of ${kernel} lies on the map of ${source}, of the same channel. Its ${isMaximum ? "largest value" : "mean"} is one value of ${layer.name}. Then it moves on.`,
    element,
    count: map.length,
    columns,
    show,
    describe(position) {
      const { y, x } = placeOf(position, columns);
      return `Row ${y}, column ${x}: the ${isMaximum ? "largest value" : "mean"} is ${digits(map[position])}.`;
    },
  };
}

/** Outline of a cell of a grid, above its neighbours. @param {Element} cell */
function outline(cell) {
  const square = cell.querySelector("rect");
  const place = Object.fromEntries(["x", "y", "width", "height"].map((name) => [name, square?.getAttribute(name) ?? 0]));
  return makeSvg("rect", { ...place, class: "winner" });
}
