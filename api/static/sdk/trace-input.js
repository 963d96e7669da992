/** Trace input: pointer and keyboard of `<lw-gate-trace>`, and the hint with the value under the pointer. */

import { isShortcut, make } from "./dom.js";
import { exactDigits } from "./number-format.js";

/** @typedef {import("./trace-view.js").TraceView} TraceView */

/** Steps of Page Up and Page Down. */
const PAGE_STEPS = 10;

/**
 * @typedef {object} Handlers
 * @property {HTMLElement} host The element, whose box the hint stays in.
 * @property {(step: number) => void} goTo A step was chosen; it may be out of range.
 * @property {(unit: number | undefined) => void} follow A unit was chosen; undefined where there is none.
 */

/**
 * Let pointer and keyboard choose steps and units of a trace.
 * @param {TraceView} view
 * @param {Handlers} handlers
 */
export function listenToTrace(view, { host, goTo, follow }) {
  const { cursor } = view;
  const hovered = make("div", { class: "pointed", hidden: true });
  const hint = make("div", { class: "hint number", hidden: true });
  cursor.prepend(hovered);
  view.root.append(hint);

  cursor.addEventListener("pointerdown", (event) => {
    // A finger scrolls the lanes; only a mouse drags the step.
    if (event.pointerType === "mouse" && event.button === 0) cursor.setPointerCapture(event.pointerId);
  });
  cursor.addEventListener("pointermove", (event) => {
    if (!view.answer) return;
    const cell = cellAt(view, event);
    if (event.pointerType === "mouse" && event.buttons & 1) goTo(cell.step);
    view.placeOnColumn(hovered, cell.step);
    hint.hidden = !cell.lane;
    if (!cell.lane) return;
    hint.replaceChildren(...valueText(view, cell.lane, cell.step, cell.unit));
    placeHint(hint, host.getBoundingClientRect(), event);
  });
  cursor.addEventListener("pointerleave", () => (hint.hidden = hovered.hidden = true));
  cursor.addEventListener("click", (event) => {
    if (!view.answer) return;
    const { step, unit } = cellAt(view, event);
    goTo(step);
    if (unit !== null) follow(unit);
  });
  cursor.addEventListener("keydown", (event) => {
    if (!view.answer || isShortcut(event)) return;
    const { step, unit } = view.followed;
    const units = view.rows();
    const row = units.indexOf(unit);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => goTo(step - 1),
      ArrowRight: () => goTo(step + 1),
      PageUp: () => goTo(step - PAGE_STEPS),
      PageDown: () => goTo(step + PAGE_STEPS),
      Home: () => goTo(0),
      End: () => goTo(view.columns.steps),
      ArrowUp: () => follow(units[Math.max(0, row - 1)]),
      ArrowDown: () => follow(units[Math.min(units.length - 1, row + 1)]),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
}

/**
 * Step, lane and unit under the pointer.
 * @param {TraceView} view
 * @param {MouseEvent} event
 */
function cellAt(view, { clientX, clientY }) {
  const step = view.columns.stepAt(clientX - view.cursor.getBoundingClientRect().left);
  const lane = view.lanes.find((one) => !one.plot.hidden && one.covers(clientY));
  return { step, lane, unit: lane?.unitAt(clientY) ?? null };
}

/**
 * The value of a cell with every digit, and its lane, step and unit.
 * @param {TraceView} view
 * @param {import("./trace-lane.js").TraceLane} lane
 * @param {number} step
 * @param {number | null} unit Null on the line below the cells: it is that of the followed unit.
 */
function valueText(view, lane, step, unit) {
  const shown = unit ?? view.followed.unit;
  const value = lane.value(step, shown);
  const place = `step ${step}${lane.hasUnits ? `, unit ${shown}` : ""}`;
  const number =
    value === undefined ? "no value before the first input" : exactDigits(value, lane.dtype).replace("-", "−");
  return [make("b", {}, number), make("span", {}, `${lane.title}, ${place}`)];
}

/**
 * Put the hint beside the pointer, on the side with more room.
 * @param {HTMLElement} hint
 * @param {DOMRect} box
 * @param {PointerEvent} event
 */
function placeHint(hint, box, { clientX, clientY }) {
  const isRight = clientX - box.left > box.width / 2;
  hint.style.left = isRight ? "" : `${clientX - box.left + 14}px`;
  hint.style.right = isRight ? `${box.right - clientX + 14}px` : "";
  hint.style.top = `${clientY - box.top + 16}px`;
}
