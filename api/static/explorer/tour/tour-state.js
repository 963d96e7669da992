/** Tour state: the page's state at a step of a tour, and whether the step's action is done. */

import { defaultsOf } from "../address.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("../state.js").Key} Key */

/**
 * Step of a tour, as `GET /models/{model}/tour` describes it.
 * @typedef {object} Step
 * @property {Partial<State>} state Values of the page; all others of the view have their defaults.
 * @property {string} outline Part of the page.
 * @property {string} text
 * @property {string} ask
 * @property {Partial<State>} done Values that the action reaches.
 * @property {Key | ""} change Value that the action changes.
 */

/**
 * State values of a view at the beginning of a step.
 * @param {string} view
 * @param {Step} step
 * @returns {Partial<State>}
 */
export function stateAt(view, { state }) {
  return { ...defaultsOf(view), ...state };
}

/**
 * Whether the action of a step is done. It depends on the state alone, so that a reload and a step back keep it.
 * @param {State} state
 * @param {Step} step
 */
export function isDone(state, step) {
  const { done, change } = step;
  if (change) return state[change] !== stateAt(state.view, step)[change];
  return /** @type {Key[]} */ (Object.keys(done)).every((key) => state[key] === done[key]);
}

/**
 * Whether a fragment holds no value of its view: a link to a step of the tour, whose state is then that of the step.
 * @param {string} fragment
 * @param {string} view
 */
export function isPlain(fragment, view) {
  const written = new URLSearchParams(fragment.replace(/^#/, ""));
  return !Object.keys(defaultsOf(view)).some((key) => written.has(key));
}
