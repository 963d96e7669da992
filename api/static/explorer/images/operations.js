/** Operations: title and explanation of a declared layer, from its layer line and its shapes. */

import { countOf } from "../count.js";
import { lineOf, wordOf } from "../model-facts.js";

/** @typedef {import("../context.js").Layer} Layer */

/** Names of activations whose words are not their usual names. */
const ACTIVATIONS = /** @type {Record<string, string>} */ ({
  relu: "ReLU",
  relu6: "ReLU6",
  leaky_relu: "Leaky ReLU",
  elu: "ELU",
  selu: "SELU",
  gelu: "GELU",
  gelu_tanh: "GELU",
  silu: "SiLU",
  mish: "Mish",
  hard_sigmoid: "hard sigmoid",
  hard_swish: "hard swish",
});

const SIDE = { conv: 3, pool: 2 };

/**
 * @typedef {object} Operation
 * @property {string} word First word of the layer line, such as `conv`.
 * @property {string} kernel Size of the windows, such as `3×3`; empty where it has none.
 * @property {string} title
 * @property {boolean} isMaximum
 * @property {boolean} isDepthwise Whether each output channel reads a part of the input channels.
 */

/**
 * Read the layer line of a layer.
 * @param {Layer} layer
 * @returns {Operation}
 */
export function operationOf(layer) {
  const [line, word] = [lineOf(layer), wordOf(layer)];
  const sides = /\b(\d+)x(\d+)\b/.exec(line);
  const side = word === "conv" || word === "pool" ? String(SIDE[word]) : "";
  const kernel = sides ? `${sides[1]}×${sides[2]}` : side && `${side}×${side}`;
  const isMaximum = !/\bavg\b/.test(line) && (word === "pool" || /\bmax\b/.test(line));
  const isDepthwise = /\bgroups (?!1\b)/.test(line);
  const stride = /\bstride (\d+)/.exec(line)?.[1];
  const title = titleOf({ word, kernel, isMaximum, isDepthwise, line });
  return { word, kernel, title: word === "conv" && stride && stride !== "1" ? `${title} / ${stride}` : title, isMaximum, isDepthwise };
}

/** Title of an operation by its first word alone. @param {string} word */
export function operationTitle(word) {
  return titleOf({ word, kernel: "", isMaximum: true, isDepthwise: false, line: word }).trim();
}

/** @param {{ word: string, kernel: string, isMaximum: boolean, isDepthwise: boolean, line: string }} operation */
function titleOf({ word, kernel, isMaximum, isDepthwise, line }) {
  if (word === "conv") return `${isDepthwise ? "Grouped conv" : "Conv"} ${kernel}`;
  if (word === "pool") return `${isMaximum ? "Max" : "Average"} pool ${kernel}`;
  if (word === "globalpool") return `Global ${isMaximum ? "max" : "average"} pool`;
  if (word === "norm") return /\blayer\b/.test(line) ? "LayerNorm" : "BatchNorm";
  if (word === "dense") return "Dense";
  if (word === "add") return "Add";
  if (word === "concat") return "Concat";
  return ACTIVATIONS[word] ?? word.replaceAll("_", " ");
}

/**
 * Explain the values of a layer in a sentence.
 * @param {Layer} layer
 * @param {Operation[]} operations Of the layers that a column joins, the first one first.
 * @param {Layer | undefined} source Layer that the first of them reads; undefined for the network's input.
 */
export function explain(layer, operations, source) {
  const [first] = operations;
  const [channels, ...sides] = layer.shape.map(Number);
  const size = sides.join("×");
  if (first.word === "conv") return sayConvolution(first, operations.length > 1, source);
  if (first.word === "pool") {
    return `Keeps the ${first.isMaximum ? "largest" : "mean"} of every ${first.kernel}: ${size} positions are left.`;
  }
  if (first.word === "globalpool") return `The ${first.isMaximum ? "largest value" : "mean"} of each map; positions are gone.`;
  if (first.word === "dense") {
    const count = (source?.shape.map(Number) ?? []).reduce((product, side) => product * side, 1);
    return `Each unit is a weighted sum of all ${countOf(count)} values${source && source.axes.length > 1 ? "; positions are gone" : ""}.`;
  }
  if (first.word === "add") return "The sum of the layers that it reads, value by value.";
  if (first.word === "concat") return `The channels of the layers that it reads, one after another: ${channels} in all.`;
  if (first.word === "norm") return "Each channel, shifted and scaled to the mean and spread of training.";
  return layer.kind === "post_activation" ? "A function of each value; its channels keep their numbers." : "";
}

/** @param {Operation} conv @param {boolean} isActivated @param {Layer | undefined} source */
function sayConvolution({ kernel, isDepthwise }, isActivated, source) {
  if (isDepthwise) return "Each kernel reads its own group of maps.";
  if (source) return `Each kernel reads all ${source.shape[0]} maps at once.`;
  return isActivated
    ? "Each map is bright where the image matches its kernel."
    : `Weighted sums of each ${kernel} patch: blue is positive, red negative.`;
}
