/** Sequence kind: how the steps of a model's sequences are written, read and posted: symbols or rows of numbers. */

import { alphabetOf, featuresOf, isBits } from "../model-facts.js";
import { DEFAULTS } from "../state.js";

/** @typedef {import("../context.js").Model} Model */
/** @typedef {string[] | number[][]} Steps */

/** Most steps that the server accepts. */
export const MAX_LENGTH = 4096;

/** Steps with which a network opens whose sequences are no bits. */
const OPENING = 16;

/**
 * @typedef {object} SequenceKind
 * @property {(text: string) => { steps: Steps, complaint: string }} read Steps of a text; the complaint is empty
 *   for valid text.
 * @property {(steps: Steps) => string} write
 * @property {(text: string) => import("../../sdk/client.js").Sequence} input Input of a request.
 * @property {(text: string) => any} field Field `sequence` of a JSON body.
 * @property {string} opening Sequence of a page without one.
 */

/** @param {Model} model @returns {SequenceKind} */
export function sequenceKind(model) {
  const alphabet = alphabetOf(model);
  if (!alphabet.length) return rowsKind(featuresOf(model));
  if (alphabet.every((symbol) => symbol.length === 1)) return textKind(alphabet, isBits(model));
  return wordsKind(alphabet);
}

/** @param {string[]} alphabet @param {boolean} isBinary @returns {SequenceKind} */
function textKind(alphabet, isBinary) {
  const noun = isBinary ? "bits" : "symbols";
  return {
    read(text) {
      const all = Array.from(text).filter((character) => alphabet.includes(character));
      const steps = all.slice(0, MAX_LENGTH);
      const others = Array.from(text).filter((character) => !alphabet.includes(character));
      return { steps, complaint: complaintOf(all.length, others.some((one) => !/[\s,;[\]]/.test(one)), alphabet, noun) };
    },
    write: (steps) => steps.join(""),
    input: (text) => (isBinary ? text : { sequence: text }),
    field: (text) => text,
    opening: isBinary ? DEFAULTS.sequence : openingOf(alphabet).join(""),
  };
}

/** Symbols of several characters, with a character between them that none contains. @param {string[]} alphabet @returns {SequenceKind} */
function wordsKind(alphabet) {
  const separator = [" ", ",", ";", "|"].find((one) => !alphabet.some((symbol) => symbol.includes(one))) ?? "\t";
  const split = (/** @type {string} */ text) => text.split(separator).map((word) => word.trim()).filter(Boolean);
  return {
    read(text) {
      const words = split(text);
      const all = words.filter((word) => alphabet.includes(word));
      return { steps: all.slice(0, MAX_LENGTH), complaint: complaintOf(all.length, all.length < words.length, alphabet, "symbols") };
    },
    write: (steps) => steps.join(separator),
    input: (text) => ({ sequence: split(text) }),
    field: split,
    opening: openingOf(alphabet).join(separator),
  };
}

/** @param {number} features @returns {SequenceKind} */
function rowsKind(features) {
  const rowsOf = (/** @type {string} */ text) =>
    text
      .split(/[;\n]+/)
      .map((row) => row.trim().split(/[\s,]+/).filter(Boolean).map(Number))
      .filter((row) => row.length === features && row.every(Number.isFinite));
  const waves = Array.from({ length: OPENING }, (_, step) =>
    Array.from({ length: features }, (__, feature) => Number(Math.sin((step * (feature + 1)) / 2.5).toFixed(2))),
  );
  const write = (/** @type {Steps} */ steps) => /** @type {number[][]} */ (steps).map((row) => row.join(",")).join(";");
  return {
    read(text) {
      const steps = rowsOf(text).slice(0, MAX_LENGTH);
      const lines = text.split(/[;\n]+/).filter((row) => row.trim()).length;
      if (!steps.length) return { steps, complaint: `A sequence needs at least one row of ${features} numbers.` };
      return { steps, complaint: lines > steps.length ? `Rows that are not ${features} numbers were left out.` : "" };
    },
    write,
    input: (text) => ({ sequence: rowsOf(text) }),
    field: rowsOf,
    opening: write(waves),
  };
}

/**
 * @param {number} length
 * @param {boolean} hasOthers
 * @param {string[]} alphabet
 * @param {string} noun
 */
function complaintOf(length, hasOthers, alphabet, noun) {
  const listed = alphabet.length > 12 ? `${alphabet.slice(0, 12).join(", ")}, …` : alphabet.join(", ");
  if (!length) {
    return noun === "bits" ? "A sequence needs at least one 0 or 1." : `A sequence needs at least one of the symbols ${listed}.`;
  }
  if (length > MAX_LENGTH) return `Only the first ${MAX_LENGTH.toLocaleString("en")} ${noun} were used.`;
  if (!hasOthers) return "";
  return noun === "bits" ? "Only 0 and 1 are bits; other characters were left out." : `Only ${listed} are symbols; the others were left out.`;
}

/** Symbols in an order that repeats late. @param {string[]} alphabet */
function openingOf(alphabet) {
  return Array.from({ length: OPENING }, (_, at) => alphabet[(at * at + Math.floor(at / 3)) % alphabet.length]);
}

/**
 * Steps of a text.
 * @param {Model} model
 * @param {string} text
 * @returns {(string | number[])[]}
 */
export function stepsOf(model, text) {
  return sequenceKind(model).read(text).steps;
}
