/** Finder: a field with suggestions, and the units that answer its question as a short ranked list. */

import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { CHECKPOINT_OF, checkpointOf } from "../checkpoints.js";
import { exactNumber } from "../exact-number.js";
import { latestRequest } from "../latest-request.js";
import { understood } from "./questions.js";

/** @typedef {import("./questions.js").Question} Question */
/** @typedef {import("./questions.js").Found} Found */

/** Questions that are named where a text is none. */
const NAMED = 6;

/**
 * Fill the box of a finder.
 * @param {import("../context.js").Context} context
 * @param {HTMLElement} box
 * @param {"find" | "findUnit"} key State value with the question.
 * @param {string} noun Of a unit: channel or unit.
 * @param {Question[]} questions
 */
export function mountFinder(context, box, key, noun, questions) {
  const { store, model, announce } = context;
  const layers = model.layers.map(({ name, layer }) => (key === "find" ? name : layer));
  const list = make("datalist", { id: `${key}-questions` }, ...questions.map(({ text }) => make("option", { value: text })));
  const text = make("input", { type: "text", autocomplete: "off", spellcheck: false, placeholder: questions[0]?.text ?? "" });
  text.setAttribute("list", list.id);
  const meaning = make("p", { class: "quiet", role: "status" });
  const weights = make("p", { class: "quiet", hidden: true });
  const results = make("ol", { class: "found" });
  const form = make("form", { class: "row" }, make("label", { class: "choice" }, `Which ${noun}`, text), make("button", { type: "submit" }, "Find"));
  box.replaceChildren(form, list, meaning, weights, results);

  const send = latestRequest(
    context,
    (/** @type {{ question: Question, layer: string | null }} */ { question, layer }, signal) => question.ask(layer, signal),
    (found, { question }) => show(found, question),
    (error) => refuse(error.message),
    results,
  );

  /** @param {string} sentence */
  function refuse(sentence) {
    meaning.textContent = sentence;
    weights.textContent = "";
    results.classList.remove("is-stale");
    results.replaceChildren();
  }

  /** @param {Found[]} found @param {Question} question */
  function show(found, { text: asked, score, isOfView }) {
    const [most] = found.map((one) => Math.abs(one.score)).filter(Number.isFinite).sort((one, other) => other - one);
    meaning.textContent = found.length ? `Number: ${score}.` : `No ${noun} has an answer to “${asked}”.`;
    weights.textContent = found.length && !isOfView ? "The ranking is one of the trained weights: it does not change with the training." : "";
    explainWeights();
    results.replaceChildren(...found.map((one) => rowOf(one, most || 1)));
    mark();
    announce(found.length ? `${found.length} ${noun}s found; ${found[0].name} is the first.` : (meaning.textContent ?? ""));
  }

  /** @param {Found} found @param {number} most */
  function rowOf({ name, score, dtype, says, chosen }, most) {
    const fill = make("span", { class: score < 0 ? "bar-fill negative" : "bar-fill" });
    fill.style.width = `${Math.min(100, (100 * Math.abs(score)) / most)}%`;
    const button = make(
      "button",
      { type: "button" },
      make("span", { class: "number" }, name),
      make("span", { class: "bar-track" }, fill),
      exactNumber(score, dtype, formatNumber(score, 3)),
      make("span", { class: "quiet" }, says),
    );
    button.addEventListener("click", () => store.set(chosen));
    button.dataset.chosen = JSON.stringify(chosen);
    return make("li", {}, button);
  }

  /** Say that the ranking is one of other weights than those on display. */
  function explainWeights() {
    weights.hidden = !weights.textContent || checkpointOf(model, store.state) === null;
  }

  /** Mark the unit on display. */
  function mark() {
    const { state } = store;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (results.querySelectorAll("[data-chosen]"))) {
      const chosen = Object.entries(JSON.parse(button.dataset.chosen ?? "{}"));
      button.setAttribute("aria-pressed", String(chosen.every(([name, value]) => Reflect.get(state, name) === value)));
    }
  }

  /** Ask the question of a text, or say which are understood. @param {string} asked */
  function find(asked) {
    const known = understood(asked, questions, layers);
    if (known) return void send(known);
    refuse(`“${asked}” is not understood. Questions are, among others:`);
    const every = Math.max(1, Math.floor(questions.length / NAMED));
    results.replaceChildren(
      ...questions
        .filter((_, at) => at % every === 0)
        .map((question) => {
          const button = make("button", { type: "button" }, question.text);
          button.addEventListener("click", () => store.set({ [key]: question.text }));
          return make("li", { class: "example" }, button);
        }),
    );
    announce(meaning.textContent ?? "");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const asked = text.value.trim();
    if (!asked) return;
    // A repeated question is no change of the state, but may have failed.
    if (asked === store.state[key]) find(asked);
    store.set({ [key]: asked });
  });
  // A suggestion is a whole question: it needs no button.
  text.addEventListener("input", () => {
    if (questions.some((question) => question.text === text.value)) store.set({ [key]: text.value });
  });
  store.on([key], (state) => {
    if (!state[key]) return;
    if (text.value !== state[key]) text.value = state[key];
    find(state[key]);
  });
  store.on(["layer", "channel", "unit", "recurrent"], mark);
  store.on([CHECKPOINT_OF[model.input]], explainWeights);
  // A link that holds a question moves no focus.
  if (box.parentElement?.contains(document.activeElement)) text.focus({ preventScroll: true });
}
