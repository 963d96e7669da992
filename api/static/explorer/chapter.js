/** Chapter: the part of the page that shows one model of a family; another model fills it from the start. */

import { make } from "../sdk/dom.js";
import { hasProbe } from "./model-facts.js";
import { ChapterStore } from "./state.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").Model} Model */
/** @typedef {import("./state.js").State} State */

/**
 * @typedef {object} Family
 * @property {string} id Of the section.
 * @property {"image" | "sequence"} input
 * @property {"imageModel" | "sequenceModel"} key State value with the name of the chosen model.
 * @property {(model: Model) => { nav: string, facts: string[] }} describe Text of the link to the
 *   chapter, and words of `data-if` that hold for the model.
 * @property {(state: State, model: Model) => Partial<State>} reset State values for another model.
 * @property {(context: Context) => Promise<void>} mount Fills the chapter.
 */

/**
 * Show a model of a family, and another one when it is chosen; without one, remove the chapter.
 * @param {Omit<Context, "model" | "root" | "signal" | "store"> & { store: import("./state.js").Store, models: Model[] }} page
 * @param {Family} family
 */
export async function openChapter(page, { id, input, key, describe, reset, mount }) {
  const { store } = page;
  // Links that name no model were made when the shipped networks were the only ones.
  const models = page.models.filter((one) => one.input === input).sort((one, other) => Number(other.shipped) - Number(one.shipped));
  const link = document.querySelector(`.top nav a[href="#${id}"]`);
  let section = /** @type {HTMLElement} */ (document.getElementById(id));
  if (!models.length) {
    section.remove();
    link?.remove();
    return;
  }
  const empty = /** @type {HTMLElement} */ (section.cloneNode(true));
  let controller = new AbortController();
  let mounted = Promise.resolve();
  /** @type {Model | null} */
  let current = null;

  /** @param {Model} model @param {AbortSignal} signal */
  async function show(model, signal) {
    if (signal.aborted) return;
    const fresh = /** @type {HTMLElement} */ (empty.cloneNode(true));
    const { nav, facts } = describe(model);
    keepApplicable(fresh, model, facts);
    introduce(fresh, model);
    const choose = (/** @type {Model} */ one) => store.set({ ...reset(store.state, one), [key]: one === models[0] ? "" : one.name });
    fresh.querySelector(".chapter-head")?.append(...picker(models, model, choose));
    section.replaceWith(fresh);
    section = fresh;
    if (link) link.textContent = nav;
    await mount({ ...page, model, root: fresh, signal, store: new ChapterStore(store, signal) });
  }

  store.on([key], (state) => {
    const model = models.find(({ name }) => name === state[key]) ?? models[0];
    if (model === current) return;
    const isChange = current !== null;
    current = model;
    controller.abort();
    const { signal } = (controller = new AbortController());
    mounted = mounted.then(() => show(model, signal));
    if (isChange) mounted = mounted.then(() => focusPicker(section), (error) => page.announce(error.message));
  });
  await mounted;
}

/**
 * Remove panels whose probes a model lacks, and texts about other models.
 * @param {HTMLElement} section
 * @param {Model} model
 * @param {string[]} facts
 */
function keepApplicable(section, model, facts) {
  for (const panel of section.querySelectorAll("[data-needs]")) {
    const needs = panel.getAttribute("data-needs")?.split(" ") ?? [];
    if (!needs.some((probe) => hasProbe(model, probe))) panel.remove();
  }
  for (const text of section.querySelectorAll("[data-if]")) {
    if (facts.includes(text.getAttribute("data-if") ?? "")) /** @type {HTMLElement} */ (text).hidden = false;
    else text.remove();
  }
  for (const row of section.querySelectorAll(".closer")) if (!row.children.length) row.remove();
}

/** Write title, task and facts of a model. @param {HTMLElement} section @param {Model} model */
function introduce(section, model) {
  const places = { ".model-title": model.title, ".model-task": model.task, ".model-facts": factsOf(model) };
  for (const [place, text] of Object.entries(places)) {
    const element = section.querySelector(place);
    if (element) element.textContent = text;
  }
}

/** @param {Model} model */
function factsOf({ parameters, weights, device, training }) {
  const accuracy = training.metrics?.test_accuracy;
  const facts = [`${parameters.toLocaleString("en")} parameters`, `on ${device.split(" ")[0].toUpperCase()}`];
  if (typeof accuracy === "number") facts.push(`${(100 * accuracy).toFixed(2)} % test accuracy`);
  return [...facts, `weights ${weights.slice(0, 8)}`].join(" · ");
}

/**
 * Make the model picker; a single model needs none.
 * @param {Model[]} models
 * @param {Model} shown
 * @param {(model: Model) => void} choose
 */
function picker(models, shown, choose) {
  if (models.length < 2) return [];
  const options = models.map((one) => make("option", { value: one.name, selected: one === shown }, optionText(one)));
  const select = make("select", {}, ...options);
  select.addEventListener("change", () => choose(models[select.selectedIndex]));
  return [make("label", { class: "model-picker" }, "Network ", select)];
}

/** @param {Model} model */
function optionText({ name, title }) {
  return title && title !== name ? `${title} (${name})` : name;
}

/** Give the focus back to the picker, which was replaced with its chapter. @param {HTMLElement} section */
function focusPicker(section) {
  const picker = /** @type {HTMLElement | null} */ (section.querySelector(".model-picker select"));
  picker?.focus({ preventScroll: true });
}
