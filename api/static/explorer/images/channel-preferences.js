/** Channel preferences: test images and optimised images that activate the selected channel most. */

import { make } from "../../sdk/dom.js";
import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import { TensorHeatmap } from "../../sdk/tensor-heatmap.js";
import { checkpointOf, weightsFor } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { hasMaps, layerOf, nounOf } from "../model-facts.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { VectorBars } from "../vector-bars.js";
import { selectedChannel } from "./shown-layers.js";
import { imageData } from "./pixels.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** Tensors on display, with their titles and tiles of a row. */
const ROWS = /** @type {const} */ ([
  ["strongest", "Test images with its largest values", 9],
  ["crops", "Receptive field of the largest value in each", 9],
  ["optimum", "Images that maximise it", 2],
]);

/** Why test images are missing at a point of the training. */
const UNRECORDED = "Test images with its largest values were searched for with the trained network alone.";

/**
 * Fill the panel `unit`.
 * @param {import("../context.js").Context} context
 */
export function mountChannelPreferences(context) {
  const { lightwell, store, model } = context;
  const noun = nounOf(model) === "digit" ? "digit" : "class";
  const body = part(context, "unit-body");
  const name = make("h3");
  const rows = ROWS.map(([key, title, columns]) => {
    const map = new TensorHeatmap();
    map.setAttribute("label", title);
    map.setAttribute("bare", "");
    map.setAttribute("columns", String(columns));
    const pictures = make("div", { class: "unit-pictures" });
    return { key, map, pictures, element: make("section", { class: `unit-${key}` }, make("h3", {}, title), map, pictures) };
  });
  const facts = make("p", { class: "explain", role: "status" });
  const means = new VectorBars(`Mean by ${noun}`, () => {});
  const byClass = make("section", {}, make("h3", {}, `Its mean over the test images of each ${noun}`), means.element);
  for (const { element } of rows) element.hidden = true;
  byClass.hidden = true;
  body.replaceChildren(name, ...rows.map(({ element }) => element), facts, byClass);

  const parameters = () => {
    const { layer, channel } = selectedChannel(model, store.state);
    return { layer: layer.name, channel, ...weightsFor(model, store.state, "unit") };
  };
  /** @returns {import("../context.js").View} */
  const describe = () => ({ name: "unit", model: model.name, probe: "unit", parameters: parameters() });
  addDownloads(body, describe);

  const send = latestRequest(
    context,
    (/** @type {ReturnType<typeof parameters>} */ query, signal) =>
      retryWhileCompiling(
        `/${model.name}/unit`,
        () => lightwell.ask(model.name, "unit", { parameters: query, signal }),
        signal,
        () => (facts.textContent = COMPILING),
      ),
    render,
    (error) => {
      facts.textContent = error.message;
      for (const { element } of rows) element.hidden = true;
    },
  );

  /** @param {Answer} answer */
  function render({ tensors, measures }) {
    for (const { key, map, pictures, element } of rows) {
      const tensor = tensors.get(key);
      const isColour = tensor?.axes.includes("colour") ?? false;
      element.hidden = !tensor;
      map.hidden = isColour;
      pictures.replaceChildren(...(tensor && isColour ? colourPictures(tensor) : []));
      if (tensor && !isColour) map.tensor = tensor;
    }
    const mean = tensors.get("class_means");
    byClass.hidden = !mean;
    const favourite = model.classes.indexOf(String(measures.get("favourite")));
    if (mean) means.show(mean.values, { selected: favourite, dtype: mean.dtype, unit: noun, names: model.classes });
    const isTrained = checkpointOf(model, store.state) === null;
    facts.textContent = [...(mean ? [recordText(measures)] : []), reachedText(measures, model), ...(isTrained ? [] : [UNRECORDED])].join(" ");
  }

  /** What the test images show. @param {Answer["measures"]} measures */
  function recordText(measures) {
    const selectivity = measures.get("selectivity");
    const selective = typeof selectivity === "number" ? ` (selectivity ${formatNumber(selectivity, 2)} of 1)` : "";
    const silent = formatPercent(Number(measures.get("silent_values")));
    return `It responds most to the ${noun} ${measures.get("favourite")}${selective}, and ${silent} of its values are at most zero.`;
  }

  store.on(["layer", "channel", "checkpoint"], () => {
    const query = parameters();
    name.textContent = `${query.layer}, channel ${query.channel}`;
    void send(query);
  });
}

/** A canvas for each picture of a tensor of the axes image, colour, y and x. @param {Tensor} tensor */
function colourPictures(tensor) {
  const [images, colours, height, width] = tensor.shape;
  return Array.from({ length: images }, (_, image) => {
    const planes = Array.from({ length: colours }, (_, colour) => tensor.slice(image, colour));
    const pixel = (/** @type {number} */ at) => planes.map((plane) => 255 * Number(plane[at]));
    const rows = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(y * width + x)));
    const canvas = make("canvas", { role: "img", "aria-label": `Picture ${image + 1}` });
    Object.assign(canvas, { width, height });
    canvas.getContext("2d")?.putImageData(imageData(rows), 0, 0);
    return canvas;
  });
}

/**
 * Value that the optimisation reached, and the largest one of a test image where it is known.
 * @param {Answer["measures"]} measures
 * @param {import("../context.js").Model} model
 */
function reachedText(measures, model) {
  const [driven, reached, most] = ["driven", "reached", "test_reference"].map((name) => measures.get(name));
  const layer = layerOf(model, String(driven));
  const [raised, which] = layer && hasMaps(layer) ? [`the mean of its map in ${driven}`, "mean"] : [`its value in ${driven}`, "value"];
  const reference = typeof most === "number" ? `; the largest ${which} for a test image is ${formatNumber(most, 3)}` : "";
  return (
    `The optimisation raised ${raised} to ${formatNumber(Number(reached), 3)}${reference}. An optimised image is a local maximum: ` +
    "it does not show everything that the channel detects."
  );
}
