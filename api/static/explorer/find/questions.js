/** Questions: what units can be found by, and which of them a typed text asks. */

/**
 * @typedef {object} Question
 * @property {string} text Such as `responds to 7`.
 * @property {string} [words] Further words that mean it.
 * @property {string} score Meaning of a result's number.
 * @property {boolean} [isOfView] Whether its numbers are those of the weights on display; all others are of the trained ones.
 * @property {(layer: string | null, signal: AbortSignal) => Promise<Found[]>} ask Units of one layer or of all, the best first.
 */
/**
 * @typedef {object} Found
 * @property {string} name Such as `relu3.12`.
 * @property {number} score
 * @property {string} dtype
 * @property {string} says What else is known of it.
 * @property {Partial<import("../state.js").State>} chosen State values that open it.
 */

/** Words of a question that say nothing of what is asked. */
const EMPTY = new Set(["a", "all", "an", "and", "are", "channel", "channels", "find", "for", "is", "me", "of", "show", "that", "the", "to", "unit", "units", "what", "which", "who"]);

/** Words of a text, in lower case and without the s of a plural. @param {string} text */
function wordsOf(text) {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => !EMPTY.has(word)).map((word) => word.replace(/(?<=\w{3})s$/, ""));
}

/**
 * Question that a text asks, and the layer that it names: `responds to 7 in relu2`.
 * @param {string} text
 * @param {Question[]} questions
 * @param {string[]} layers Names that may follow `in`.
 * @returns {{ question: Question, layer: string | null } | null} Null for a text that is none.
 */
export function understood(text, questions, layers) {
  const layer = layers.find((name) => text.trim().toLowerCase().endsWith(` in ${name.toLowerCase()}`)) ?? null;
  const asked = wordsOf(layer ? text.trim().slice(0, -` in ${layer}`.length) : text);
  if (!asked.length) return null;
  const known = questions.map((question) => ({ question, own: wordsOf(question.text), all: wordsOf(`${question.text} ${question.words ?? ""}`) }));
  const exact = known.find(({ own }) => own.join() === asked.join());
  const found = exact ?? known.find(({ all }) => asked.every((word) => all.includes(word)));
  return found ? { question: found.question, layer } : null;
}
