/** Channel questions: what channels of a network of images can be found by, answered by recorded statistics and by the picture. */

import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import { hasProbe, nounOf } from "../model-facts.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../find/questions.js").Question} Question */
/** @typedef {import("../find/questions.js").Found} Found */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

const SHOWN = 10;

/**
 * List the questions that a network's channels answer.
 * @param {Context} context
 * @param {import("./current-image.js").CurrentImage} image
 * @returns {Question[]}
 */
export function channelQuestions(context, image) {
  const noun = nounOf(context.model);
  const here = {
    text: `responds to this ${noun}`,
    words: "now here most current shown picture",
    score: `mean of the map for this ${noun}`,
    isOfView: true,
    ask: async (/** @type {string | null} */ layer) => ofPicture(image, layer),
  };
  return [...(hasProbe(context.model, "units") ? recorded(context) : []), here];
}

/** Questions that the record of the units over the test images answers. @param {Context} context @returns {Question[]} */
function recorded(context) {
  const { model } = context;
  const noun = nounOf(model) === "digit" ? "digit" : "class";
  const ask = (/** @type {import("../../sdk/client.js").Parameters} */ parameters) =>
    (/** @type {string | null} */ layer, /** @type {AbortSignal} */ signal) => ranked(context, { ...parameters, layers: layer }, signal);
  const scale = "1 for this one alone, 0 for all alike, −1 for all others";
  return [
    ...model.classes.map((name, label) => ({
      text: `responds to ${name}`,
      words: "likes detects prefers selective most strongly class digit",
      score: `selectivity for ${name}, ${scale}`,
      ask: ask({ by: "selectivity", label }),
    })),
    ...model.classes.map((name, label) => ({
      text: `ignores ${name}`,
      words: `responds but not ${name}`,
      score: `selectivity for ${name}, ${scale}`,
      ask: ask({ by: "selectivity", label, order: "lowest" }),
    })),
    {
      text: `responds to one ${noun}`,
      words: "single alone only selective specialised",
      score: `selectivity for its favourite ${noun}, 1 where it responds to no other`,
      ask: ask({ by: "selectivity" }),
    },
    {
      text: `responds to every ${noun}`,
      words: "alike general unselective any",
      score: `selectivity for its favourite ${noun}, 0 where all are alike`,
      ask: ask({ by: "selectivity", order: "lowest" }),
    },
    { text: "is silent", words: "dead sparse zero never hardly", score: "share of its values that are zero", ask: ask({ by: "silence" }) },
    { text: "is active", words: "busy dense always never silent", score: "share of its values that are zero", ask: ask({ by: "silence", order: "lowest" }) },
  ];
}

/**
 * Rank channels by the probe `units`.
 * @param {Context} context
 * @param {import("../../sdk/client.js").Parameters} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<Found[]>}
 */
async function ranked({ lightwell, model }, parameters, signal) {
  const { tensors } = await lightwell.ask(model.name, "units", { parameters: { ...parameters, count: SHOWN }, signal });
  const [score, means, silence] = ["score", "class_means", "silence"].map((name) => /** @type {Tensor} */ (tensors.get(name)));
  return score.labels("unit").map((name, at) => {
    const ofClass = model.classes.map((_, label) => means.at(label, at));
    const best = ofClass.indexOf(Math.max(...ofClass));
    const says = `most for ${model.classes[best]}, mean ${formatNumber(ofClass[best], 2)}; ${formatPercent(silence.at(at))} zeros`;
    return foundOf(String(name), score.at(at), score.dtype, says);
  });
}

/**
 * Rank channels by their mean for the picture on display.
 * @param {import("./current-image.js").CurrentImage} image
 * @param {string | null} layer Null for all after an activation.
 * @returns {Found[]}
 */
function ofPicture({ answer }, layer) {
  const all = Array.from(answer?.tensors.values() ?? []).filter(({ name, kind }) => (layer ? name === layer : kind === "post_activation"));
  const found = all.flatMap((tensor) =>
    Array.from({ length: tensor.shape[0] }, (_, channel) => {
      const values = Array.from(tensor.slice(channel));
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return foundOf(`${tensor.name}.${channel}`, mean, "float64", `largest value ${formatNumber(Math.max(...values), 3)}`);
    }),
  );
  return found.sort((one, other) => other.score - one.score).slice(0, SHOWN);
}

/** @param {string} name Layer and channel, such as `relu2.7`. @param {number} score @param {string} dtype @param {string} says @returns {Found} */
function foundOf(name, score, dtype, says) {
  const at = name.lastIndexOf(".");
  return { name, score, dtype, says, chosen: { layer: name.slice(0, at), channel: Number(name.slice(at + 1)) } };
}
