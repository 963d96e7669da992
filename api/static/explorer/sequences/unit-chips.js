/** Unit chips: buttons for the followed unit, its role, and the order of the units. */

import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { checkpointOf } from "../checkpoints.js";

/** Meanings of the roles, in the order in which units are sorted by role. @type {Readonly<Record<string, string>>} */
const ROLES = {
  counter: "its cell state tracks ones minus zeros",
  answer: "its cell state tracks the correct answer",
  "counts ones": "its cell state tracks the number of ones",
  "counts zeros": "its cell state tracks the number of zeros",
  clock: "its cell state tracks the number of steps",
  "last bit": "its cell state tracks the bit that was just read",
  mixed: "its cell state tracks no single quantity",
  constant: "its cell state hardly changes",
};

/** Why chips have no roles at a point of the training. */
const UNKNOWN = "The roles of the units are known in the trained network alone.";

/** Most units that have a chip of their own. */
const MOST_CHIPS = 32;

/**
 * @typedef {object} Role
 * @property {string} name Empty where it is unknown.
 * @property {number} slope Change of the cell state when ones minus zeros goes up by one.
 */

/**
 * Units from the top row down.
 * @param {Role[]} roles One for each unit.
 * @param {string} order "index" for ascending order, else by role.
 */
export function orderOf(roles, order) {
  const units = roles.map((_, unit) => unit);
  if (order === "index") return units;
  const names = Object.keys(ROLES);
  return units.sort(
    (one, other) => names.indexOf(roles[one].name) - names.indexOf(roles[other].name) || one - other,
  );
}

/**
 * Make a chip for every unit, and a select for their order.
 * @param {import("../context.js").Context} context
 * @param {Role[]} roles One for each unit.
 * @returns {HTMLElement}
 */
export function unitChips({ store, model }, roles) {
  if (roles.length > MOST_CHIPS) return unitNumber(store, roles.length);
  const chips = roles.map((_, unit) => {
    const chip = make("button", { type: "button", class: "chip" });
    chip.addEventListener("click", () => store.set({ unit }));
    return chip;
  });
  const group = make("div", { class: "chips", role: "group", "aria-label": "Follow a unit" });
  const isNamed = roles.some(({ name }) => name in ROLES);
  const order = make(
    "select",
    {},
    make("option", { value: "role" }, "role"),
    make("option", { value: "index" }, "number"),
  );
  order.addEventListener("change", () => store.set({ order: order.value }));
  const meaning = make("p", { class: "quiet" });
  store.on(["unit", "order", "sequenceCheckpoint"], (state) => {
    const { unit, order: by } = state;
    order.value = by === "index" ? "index" : "role";
    group.replaceChildren(...orderOf(roles, by).map((one) => chips[one]));
    const isKnown = isNamed && checkpointOf(model, state) === null;
    chips.forEach((chip, one) => {
      chip.setAttribute("aria-pressed", String(one === unit));
      chip.title = isKnown ? (ROLES[roles[one].name] ?? "") : "";
      chip.textContent = isKnown ? chipText(one, roles[one]) : String(one);
    });
    meaning.textContent = isKnown && roles[unit] ? meaningOf(unit, roles[unit]) : isNamed ? UNKNOWN : "";
  });
  const row = make(
    "div",
    { class: "row" },
    make("span", { class: "quiet" }, "Unit"),
    group,
    ...(isNamed ? [make("label", { class: "quiet" }, "Sorted by ", order)] : []),
  );
  return make("div", { class: "units-bar" }, row, meaning);
}

/**
 * Make a number field for the followed unit of a large layer.
 * @param {import("../store.js").StateStore} store
 * @param {number} count
 */
function unitNumber(store, count) {
  const number = make("input", { type: "number", class: "number unit-number", min: "0", max: String(count - 1), step: "1" });
  number.addEventListener("change", () => {
    const unit = Math.min(count - 1, Math.max(0, Math.trunc(Number(number.value) || 0)));
    store.set({ unit });
    number.value = String(store.state.unit);
  });
  store.on(["unit"], ({ unit }) => (number.value = String(unit)));
  return make("label", { class: "row quiet" }, "Follow unit", number, `of ${count}`);
}

/** @param {number} unit @param {Role} role */
function chipText(unit, { name, slope }) {
  return `${unit} ${name}${name === "counter" && slope < 0 ? " (down)" : ""}`.trim();
}

/**
 * Describe the role of a unit.
 * @param {number} unit
 * @param {Role} role
 */
function meaningOf(unit, { name, slope }) {
  if (!(name in ROLES)) return "";
  const text = `Unit ${unit}, “${name}”: over many sequences, ${ROLES[name]}`;
  if (name !== "counter") return `${text}.`;
  const way = slope < 0 ? ": it counts down." : ".";
  return `${text}, ${formatNumber(slope, 2)} for each further 1${way}`;
}
