/** Families of models: the view of each, and its module, which is loaded when the view is opened. */

import { requestSamples } from "./images/samples.js";
import { addLinks } from "./lazy-panels.js";
import { readsDigits } from "./model-facts.js";

/** @typedef {import("./context.js").Model} Model */

/**
 * @typedef {object} Family
 * @property {"digits" | "sequences"} id Of the section, and name of the view.
 * @property {"image" | "sequence"} input
 * @property {"imageModel" | "sequenceModel"} key State value with the name of the chosen model.
 * @property {(model: Model) => string} nav Text of the link to the view.
 * @property {(model: Model, lightwell: import("../sdk/client.js").Lightwell) => Promise<import("./chapter.js").Chapter>} load Loads its
 *   module, and requests at the same time what the first answer of the model needs.
 */

/** @type {Family[]} */
export const FAMILIES = [
  {
    id: "digits",
    input: "image",
    key: "imageModel",
    nav: (model) => (readsDigits(model) ? "Digits" : "Images"),
    async load(model, lightwell) {
      if (readsDigits(model)) requestSamples(lightwell).catch(() => {}); // the chapter requests them again, and shows the error
      return (await import("./images/images-chapter.js")).IMAGES;
    },
  },
  {
    id: "sequences",
    input: "sequence",
    key: "sequenceModel",
    nav: () => "Sequences",
    async load() {
      const [{ SEQUENCES }] = await Promise.all([import("./sequences/sequences-chapter.js"), addLinks("later-styles"), addLinks("sequence-modules")]);
      return SEQUENCES;
    },
  },
];

/**
 * Models of a family, those that ship with the server first: links that name no model were made when there were no others.
 * @param {Family} family
 * @param {Model[]} models
 */
export function modelsOf({ input }, models) {
  return models.filter((one) => one.input === input).sort((one, other) => Number(other.shipped) - Number(one.shipped));
}
