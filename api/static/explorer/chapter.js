/** Chapter: the view of one model of a family; another model fills it from the start. */

import { make } from "../sdk/dom.js";
import { defaultsOf } from "./address.js";
import { CHECKPOINT_OF, checkpointOf, checkpointText, roundsOf } from "./checkpoints.js";
import { modelsOf } from "./families.js";
import { hasProbe } from "./model-facts.js";
import { ChapterStore } from "./store.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").Model} Model */
/** @typedef {import("./state.js").State} State */

/** @typedef {import("./families.js").Family} Family */

/**
 * @typedef {object} Chapter
 * @property {(model: Model) => string[]} describe Words of `data-if` that hold for a model.
 * @property {(state: State, model: Model) => Partial<State>} reset State values for another model.
 * @property {(context: Context) => Promise<void>} mount Fills the chapter.
 */

/**
 * Show a model of a family when its view is opened, and another one when it is chosen.
 * @param {Omit<Context, "model" | "root" | "signal" | "store"> & { store: import("./store.js").Store }} page
 * @param {Family} family
 */
export async function openChapter(page, family) {
  const { store } = page;
  const { id, key } = family;
  const models = modelsOf(family, page.models);
  const link = document.querySelector(`.top nav a[data-view="${id}"]`);
  let section = /** @type {HTMLElement} */ (document.getElementById(id));
  const empty = /** @type {HTMLElement} */ (section.cloneNode(true));
  let controller = new AbortController();
  let mounted = Promise.resolve();
  /** @type {Model | null} */
  let current = null;
  /** @type {ChapterStore | null} */
  let inChapter = null;

  /** @param {Model} model @param {AbortSignal} signal @param {boolean} isChange Whether the model was picked. */
  async function show(model, signal, isChange) {
    const { describe, reset, mount } = await family.load(model, page.lightwell);
    if (signal.aborted) return;
    const fresh = /** @type {HTMLElement} */ (empty.cloneNode(true));
    keepApplicable(fresh, model, describe(model));
    introduce(fresh, model);
    const training = roundsOf(model).length ? make("div", { class: "training" }) : null;
    const choose = (/** @type {Model} */ one) => store.set({ ...reset(store.state, one), [key]: one === models[0] ? "" : one.name, tour: 0, present: false });
    fresh.querySelector(".chapter-head h1")?.after(...picker(models, model, choose));
    fresh.querySelector(".chapter-head")?.append(...tourStart(store, model), ...(training ? [training] : []));
    fresh.hidden = store.state.view !== id;
    section.replaceWith(fresh);
    section = fresh;
    if (isChange) focusPicker(section);
    inChapter = new ChapterStore(store, signal);
    const announce = (/** @type {string} */ text) => void (signal.aborted || page.announce(text));
    const context = { ...page, announce, model, root: fresh, signal, store: inChapter };
    describeWeights(context);
    await mount(context);
    // After the panels, whose requests are then on their way.
    if (training && !signal.aborted) (await import("./training-slider.js")).mountTrainingSlider(context, training);
  }

  store.on(["view", key], (state) => {
    const model = models.find(({ name }) => name === state[key]) ?? models[0];
    if (link) link.textContent = family.nav(model);
    const isShown = state.view === id;
    inChapter?.show(isShown);
    if (!isShown || model === current) return;
    const isChange = current !== null;
    current = model;
    controller.abort();
    const { signal } = (controller = new AbortController());
    mounted = mounted.then(() => show(model, signal, isChange)).catch((error) => section.prepend(make("p", { class: "warning", role: "alert" }, error.message)));
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

/** Write title and task of a model. @param {HTMLElement} section @param {Model} model */
function introduce(section, model) {
  const places = { ".model-title": model.title, ".model-task": model.task };
  for (const [place, text] of Object.entries(places)) {
    const element = section.querySelector(place);
    if (element) element.textContent = text;
  }
}

/** Write the facts of a model, and of its weights on display. @param {Context} context */
function describeWeights({ store, model, root }) {
  const facts = root.querySelector(".model-facts");
  store.on([CHECKPOINT_OF[model.input]], (state) => {
    if (facts) facts.textContent = factsOf(model, checkpointOf(model, state));
  });
}

/** @param {Model} model @param {string | null} checkpoint Null for the served weights. */
function factsOf(model, checkpoint) {
  const { parameters, weights, device, training } = model;
  const accuracy = training.metrics?.test_accuracy;
  const facts = [`${parameters.toLocaleString("en")} parameters`, `on ${device.split(" ")[0].toUpperCase()}`];
  if (checkpoint) return [...facts, `weights ${checkpointText(model, checkpoint)}`].join(" · ");
  if (typeof accuracy === "number") facts.push(`${(100 * accuracy).toFixed(2)} % test accuracy`);
  return [...facts, `weights ${weights.slice(0, 8)}`].join(" · ");
}

/** Make the button that opens the tour of a model that has one. @param {import("./store.js").Store} store @param {Model} model */
function tourStart(store, { tour }) {
  if (!tour) return [];
  const button = make("button", { type: "button", class: "tour-start" }, "Take the tour");
  // With the defaults of the view the address is that of the first step, whose state is then set.
  button.addEventListener("click", () => store.set({ ...defaultsOf(store.state.view), tour: 1 }));
  return [button];
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
