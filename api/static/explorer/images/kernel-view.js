/** Kernel view: the kernels of the selected channel, one for each of its input channels. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactDigits } from "../../sdk/number-format.js";
import { weightsFor } from "../checkpoints.js";
import { latestRequest } from "../latest-request.js";
import { filterInputs, hasProbe, INPUT, kernelOf } from "../model-facts.js";
import { kernelGrid } from "./kernel-grid.js";
import { drawKernels, weightAt } from "./kernel-tiles.js";

const COLUMNS = 8;

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/**
 * Make the view.
 * @param {import("../context.js").Context} context
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 */
export function kernelView(context, tables) {
  const { lightwell, store, model } = context;
  const title = make("h3");
  const place = make("div", { class: "kernel-place" });
  const line = make("p", { class: "quiet" });
  const bar = new ColourBar();
  const element = make("figure", { class: "inspector-kernel" }, title, place, line, bar);

  const show = (/** @type {Tensor} */ tensor, /** @type {string} */ name) => {
    const range = rangeOf(tensor);
    const table = /** @type {import("../../sdk/colours.js").Table} */ (tables.get(range.map));
    const colours = { ...range, table };
    const [, count, height, width] = tensor.shape;
    const { source, read, first: firstOf } = filterInputs(model, name, count);
    const first = firstOf(Number(tensor.labels("output_channel")[0]));
    const channels = count < read ? `the channels ${first} to ${first + count - 1}` : `the ${count} channels`;
    const size = `${height} × ${width}`;
    bar.range = range;
    title.textContent = `Its kernel${count > 1 ? "s" : ""}`;
    line.textContent = count > 1 ? `one of ${size} for each of ${channels} of ${source}` : `${size} weights`;
    if (count === 1) {
      place.replaceChildren(kernelGrid("The kernel's weights", tensor.slice(0, 0), colours, { columns: width }));
      return;
    }
    const canvas = make("canvas", {
      role: "img",
      "aria-label": `${count} kernels, one for each of ${channels} of ${source}`,
    });
    const columns = Math.min(COLUMNS, count);
    drawKernels(
      canvas,
      Array.from({ length: count }, (_, at) => tensor.slice(0, at)),
      { columns, width },
      colours,
    );
    const caption = line.textContent;
    canvas.addEventListener("pointermove", (event) => {
      const at = weightAt(canvas, event, { columns, width, height });
      const known = at && at.tile < count;
      line.textContent = known
        ? `from ${source} ${first + at.tile}, (${at.y}, ${at.x}): ${weight(tensor, at)}`
        : caption;
    });
    canvas.addEventListener("pointerleave", () => (line.textContent = caption));
    canvas.addEventListener("click", (event) => {
      const at = weightAt(canvas, event, { columns, width, height });
      if (at && at.tile < count && source !== INPUT) store.set({ layer: source, channel: first + at.tile });
    });
    place.replaceChildren(canvas);
  };

  const send = latestRequest(
    context,
    (/** @type {{ name: string, channel: number, range: string, weights: { checkpoint: string | null } }} */ { name, channel, range, weights }, signal) =>
      lightwell.ask(model.name, "filters", { parameters: { layers: name, channels: channel, order: "index", range, ...weights }, signal }),
    (answer, { name }) => show(/** @type {Tensor} */ (answer.tensors.get(`${name}.kernel`)), name),
    (error) => (line.textContent = error.message),
  );

  let lastQuery = "";
  /** @param {import("../context.js").Layer} layer @param {number} channel @param {string} range */
  function update(layer, channel, range) {
    const name = hasProbe(model, "filters") ? kernelOf(model, layer) : null;
    element.hidden = name === null;
    if (name === null) return;
    const query = { name, channel, range, weights: weightsFor(model, store.state, "filters") };
    if (JSON.stringify(query) === lastQuery) return;
    lastQuery = JSON.stringify(query);
    void send(query);
  }
  return { element, update };
}

/** @param {Tensor} tensor @param {{ tile: number, y: number, x: number }} at */
function weight(tensor, { tile, y, x }) {
  return exactDigits(tensor.at(0, tile, y, x), tensor.dtype);
}
