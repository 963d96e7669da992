/** Model facts: what the page derives from the description of a model: input, probes, parameters, layers. */

/** @typedef {import("./context.js").Model} Model */
/** @typedef {import("./context.js").Layer} Layer */

/** Name of the network's input among the inputs of layers. */
export const INPUT = "input";

/**
 * @typedef {object} ImageInput
 * @property {number} height
 * @property {number} width
 * @property {number} channels 1 for grey, 3 for colours.
 * @property {string} prepare Preparation of a posted picture: `mnist`, `fit`, or `none`.
 */

/** Input of a model of images. @param {Model} model @returns {ImageInput} */
export function imageInput({ details: { height, width, channels, prepare } }) {
  return { height: height ?? 1, width: width ?? 1, channels: channels ?? 1, prepare: prepare ?? "fit" };
}

/** Symbols of a model of sequences; empty for rows of numbers. @param {Model} model @returns {string[]} */
export function alphabetOf({ details: { alphabet } }) {
  return alphabet ?? [];
}

/** Numbers of each row of a model of sequences. @param {Model} model */
export function featuresOf({ details: { features } }) {
  return features ?? 0;
}

/** Whether pictures are prepared as the digits of MNIST were. @param {Model} model */
export function readsDigits(model) {
  return model.input === "image" && imageInput(model).prepare === "mnist";
}

/** Whether the model counts bits: only then does it have this probe. @param {Model} model */
export function countsBits(model) {
  return hasProbe(model, "counter");
}

/** Noun of a model's input: a digit or a picture. @param {Model} model */
export function nounOf(model) {
  return readsDigits(model) ? "digit" : "picture";
}

/** Noun of one step's input: a bit, a symbol or a row of numbers. @param {Model} model */
export function stepNoun(model) {
  if (!alphabetOf(model).length) return "row";
  return isBits(model) ? "bit" : "symbol";
}

/** Whether the symbols of a model are the bits 0 and 1. @param {Model} model */
export function isBits(model) {
  return alphabetOf(model).join() === "0,1";
}

/** Whether a probe applies to a model. @param {Model} model @param {string} probe */
export function hasProbe({ probes }, probe) {
  return probes.some(({ name }) => name === probe);
}

/**
 * Values that a parameter of a probe may have, by the JSON schema of the query; empty where they are not listed.
 * @param {Model} model
 * @param {string} probe
 * @param {string} parameter
 * @returns {string[]}
 */
export function choicesOf({ probes }, probe, parameter) {
  const schema = probes.find(({ name }) => name === probe)?.parameters;
  return schema ? listed(schema.properties?.[parameter], schema.$defs ?? {}) : [];
}

/** @param {any} schema @param {Record<string, any>} definitions @returns {string[]} */
function listed(schema, definitions) {
  if (!schema) return [];
  if (schema.$ref) return listed(definitions[schema.$ref.split("/").at(-1)], definitions);
  if (schema.enum) return schema.enum;
  const inner = [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return inner.map((one) => listed(one, definitions)).find((found) => found.length) ?? [];
}

/** Whether a probe has a parameter. @param {Model} model @param {string} probe @param {string} parameter */
export function hasParameter({ probes }, probe, parameter) {
  return parameter in (probes.find(({ name }) => name === probe)?.parameters.properties ?? {});
}

/** Layer of a name. @param {Model} model @param {string} name @returns {Layer | undefined} */
export function layerOf({ layers }, name) {
  return layers.find((one) => one.name === name);
}

/** Whether the values of a layer are maps, with rows and columns. @param {Layer} layer */
export function hasMaps({ axes }) {
  return axes.includes("y");
}

/** Layer whose values are the logits; a network of two classes may have a single one. @param {Model} model */
export function outputOf({ layers }) {
  return layers.find(({ kind }) => kind === "logits") ?? layers[layers.length - 1];
}

/** Layers that read a layer. @param {Model} model @param {string} name */
export function readersOf({ layers }, name) {
  return layers.filter(({ inputs }) => inputs.includes(name));
}

/**
 * Name of the kernel that computes the values of a layer, or those of the layer that it reads one by one;
 * null where several layers are merged.
 * @param {Model} model
 * @param {Layer} layer
 * @returns {string | null}
 */
export function kernelOf(model, { layer, inputs }) {
  if (choicesOf(model, "filters", "layers").includes(layer)) return layer;
  const source = inputs.length === 1 ? layerOf(model, inputs[0]) : undefined;
  return source ? kernelOf(model, source) : null;
}

/**
 * Layer that a kernel is applied to; undefined where it reads the network's input.
 * @param {Model} model
 * @param {string} kernel
 * @returns {Layer | undefined}
 */
export function sourceOf(model, kernel) {
  const reader = model.layers.find(({ layer }) => layer === kernel);
  return layerOf(model, reader?.inputs[0] ?? INPUT);
}

/**
 * Channels that the filters of a convolution read: all of its source, or those of a group, whose kernels are numbered from 0.
 * @param {Model} model
 * @param {string} kernel
 * @param {number} inputs Channels of one filter.
 * @returns {{ source: string, read: number, first: (channel: number) => number }} Name of the source, its channels, and the
 *   first one that an output channel reads.
 */
export function filterInputs(model, kernel, inputs) {
  const source = sourceOf(model, kernel);
  const read = Number(source?.shape[0] ?? imageInput(model).channels);
  const outputs = Number(model.layers.find(({ layer }) => layer === kernel)?.shape[0]);
  return { source: source?.name ?? INPUT, read, first: (channel) => firstInput(channel, { outputs, read, inputs }) };
}

/**
 * First channel that an output channel of a convolution reads: with groups, that of its own group.
 * @param {number} channel
 * @param {{ outputs: number, read: number, inputs: number }} counts Channels of the output, of the map that is read, and of one filter.
 */
export function firstInput(channel, { outputs, read, inputs }) {
  const groups = read / inputs;
  return Math.floor(channel / (outputs / groups)) * inputs;
}

/** Layer line without the name that it may begin with: `conv 16 5x5` of `stem: conv 16 5x5`. @param {Layer} layer */
export function lineOf({ operation }) {
  return operation.replace(/^[^:]*:/, "").trim();
}

/** First word of a layer line, such as `conv`; the kind of the layer where it has none. @param {Layer} layer */
export function wordOf(layer) {
  return lineOf(layer).split(/\s+/).find(Boolean) ?? layer.kind;
}

/** Names of the layers with kernels that have rows and columns. @param {Model} model */
export function convolutionsOf(model) {
  return choicesOf(model, "filters", "layers").filter((name) => {
    const layer = model.layers.find((one) => one.layer === name);
    return layer && wordOf(layer) === "conv";
  });
}
