/** Step controls: buttons, slider and playback of the followed step. */

import { playback } from "../playback.js";
import { stepsOf } from "./sequence-kind.js";

const SPEEDS = [1, 2, 4, 8, 16];
const DEFAULT_SPEED = 4;

/**
 * Make the controls of the step.
 * @param {import("../context.js").Context} context
 * @param {(step: number) => string} describe Text of a step for screen readers.
 * @returns {HTMLElement}
 */
export function stepControls(context, describe) {
  const { store, model } = context;
  const end = () => stepsOf(model, store.state.sequence).length;
  const { element, show, pause } = playback(context, {
    noun: "step",
    end,
    at: () => store.state.step,
    move: (step) => store.set({ step }),
    describe,
    write: () => `step ${store.state.step} of ${end()}`,
    speeds: SPEEDS,
    speed: DEFAULT_SPEED,
  });
  store.on(["step", "sequence"], show);
  // Otherwise playback would go on from the middle of the new sequence.
  store.on(["sequence"], pause);
  return element;
}
