/** Stages: the columns of the network, derived from the layers of the model, with title, size and facts. */

import { countOf } from "../count.js";
import { hasMaps, imageInput, INPUT, layerOf, nounOf, outputOf } from "../model-facts.js";
import { explain, operationOf } from "./operations.js";
import { isInner } from "./shown-layers.js";

/** @typedef {import("../context.js").Model} Model */
/** @typedef {import("../context.js").Layer} Layer */

/** Tensor of the network's input in an answer. */
export const INPUT_TENSOR = "image";

/**
 * @typedef {object} Stage
 * @property {string} layer Its output; `input` for the network's input.
 * @property {string} tensor Tensor of an answer with its values.
 * @property {string} title Operations of the architecture.
 * @property {boolean} isOutput
 * @property {string[]} inputs Layers of the stages that it reads.
 * @property {string} shape
 * @property {string[]} facts
 * @property {string} says Explanation.
 * @property {number} channels
 * @property {number} columns Tiles of a row.
 * @property {"all" | "same"} reads Channels of the stage before that each channel depends on.
 */

/** Height of a column's tiles as a share of its width: beside each other, and stacked on a phone. */
export const TALL = 2.1;
export const FLAT = 0.4;

/**
 * List the stages from input to output.
 * @param {Model} model
 * @param {boolean} before Whether the values before an activation are separate stages.
 * @param {number} [shape] Height of the tiles as a share of their width.
 * @returns {Stage[]}
 */
export function stagesOf(model, before, shape = TALL) {
  const stages = model.layers
    .filter((layer) => before || !isInner(model, layer))
    .map((layer) => stageOf(model, layer, before ? [layer] : chainOf(model, layer), shape));
  return [inputStage(model), ...stages];
}

/** Tiles of a row, so that the grid has about this shape. @param {number} tiles @param {number} shape */
function columnsOf(tiles, shape) {
  return Math.max(1, Math.ceil(Math.sqrt(tiles / shape)));
}

/** Inner layers that end in a layer, and the layer itself. @param {Model} model @param {Layer} layer @returns {Layer[]} */
function chainOf(model, layer) {
  const source = layer.inputs.length === 1 ? layerOf(model, layer.inputs[0]) : undefined;
  return source && isInner(model, source) ? [...chainOf(model, source), layer] : [layer];
}

/** @param {Model} model @param {Layer} layer @param {Layer[]} chain @param {number} tall @returns {Stage} */
function stageOf(model, layer, chain, tall) {
  const operations = chain.map(operationOf);
  const [first] = chain;
  const source = layerOf(model, first.inputs[0]);
  const isOutput = layer === outputOf(model);
  const { receptive_field: field, shape } = layer;
  const parameters = chain.reduce((sum, one) => sum + one.parameters, 0);
  const noun = nounOf(model);
  const across = layer.receptive_field_columns ?? field;
  const sees = field && across ? `sees ${field.size}×${across.size} of the ${noun}` : `sees all of the ${noun}`;
  const isFlattened = source !== undefined && hasMaps(source) && operations[0].word === "dense";
  const titles = operations.map(({ title }) => title);
  const reads = operations.some(({ word, isDepthwise }) => (word === "conv" && !isDepthwise) || word === "dense" || word === "concat");
  return {
    layer: layer.name,
    tensor: layer.name,
    title: `${isFlattened && chain.length === 1 && !isOutput ? "Flatten, dense" : titles.join(" + ")}${isOutput ? ` + ${shape[0] === 1 ? "sigmoid" : "softmax"}` : ""}`,
    isOutput,
    inputs: first.inputs,
    shape: shape.join("×"),
    channels: isOutput ? model.classes.length : (shape[0] ?? 0),
    facts: [parameters ? `${countOf(parameters)} parameters` : "no parameters", sees, ...readsText(model, first)],
    says: isOutput ? shape[0] === 1 ? "One number; a sigmoid turns it into the probability of the second class." : "One number for each class; softmax turns them into probabilities." : explain(layer, operations, source),
    columns: isOutput ? 1 : columnsOf(shape[0] ?? 1, tall),
    reads: reads ? "all" : "same",
  };
}

/** Names of the layers that a branch or a merged layer reads; nothing where it reads the layer before. @param {Model} model @param {Layer} layer */
function readsText(model, { name, inputs }) {
  const at = model.layers.findIndex((one) => one.name === name);
  const before = at > 0 ? model.layers[at - 1].name : INPUT;
  return inputs.length > 1 || inputs[0] !== before ? [`reads ${inputs.join(" and ")}`] : [];
}

/** @param {Model} model @returns {Stage} */
function inputStage(model) {
  const { height, width, channels } = imageInput(model);
  return {
    layer: INPUT,
    tensor: INPUT_TENSOR,
    title: "Input",
    isOutput: false,
    inputs: [],
    shape: `${channels}×${height}×${width}`,
    facts: [`${countOf(height * width)} pixels`],
    says: channels === 1 ? "Brightness of each pixel, from 0 to 1." : "Red, green and blue of each pixel.",
    channels,
    columns: 1,
    reads: "all",
  };
}
