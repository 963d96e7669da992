/** Channel picker: controls that select a layer and a channel. */

import { make } from "../../sdk/dom.js";
import { selectedChannel } from "./shown-layers.js";

/**
 * Make the controls.
 * @param {import("../context.js").Context} context
 * @returns {HTMLElement}
 */
export function channelPicker({ store, model }) {
  const chips = model.layers.map(({ name, shape }) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => {
      const { layer, channel, y, x } = store.state;
      const old = selectedChannel(model, { layer, channel });
      // The pinned value keeps its position in the image: maps after pooling are smaller.
      const [down, across] = [1, 2].map((axis) => Number(shape[axis] ?? 0) / Number(old.layer.shape[axis] ?? shape[axis] ?? 1));
      const pinned = y >= 0 && down > 0 ? { y: Math.floor(y * down), x: Math.floor(x * across) } : {};
      store.set({ layer: name, channel: Math.min(old.channel, Number(shape[0]) - 1), ...pinned });
    });
    return chip;
  });
  const number = make("input", {
    type: "number",
    min: "0",
    step: "1",
    class: "number",
    "aria-label": "Channel",
  });
  const countText = make("span", { class: "quiet" });
  const [previous, next] = [make("button", { type: "button" }, "‹"), make("button", { type: "button" }, "›")];
  previous.setAttribute("aria-label", "Previous channel");
  next.setAttribute("aria-label", "Next channel");
  const step = (/** @type {number} */ by) => {
    const { channel, count } = selectedChannel(model, store.state);
    store.set({ channel: (channel + by + count) % count });
  };
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  number.addEventListener("change", () => {
    const wanted = Math.trunc(Number(number.value));
    if (number.value !== "" && Number.isFinite(wanted)) {
      store.set({ channel: selectedChannel(model, { layer: store.state.layer, channel: wanted }).channel });
    }
    number.value = String(selectedChannel(model, store.state).channel);
  });
  store.on(["layer", "channel"], (state) => {
    const { layer, channel, count } = selectedChannel(model, state);
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(model.layers[at] === layer)));
    number.value = String(channel);
    number.max = String(count - 1);
    countText.textContent = `of ${count}`;
  });
  const layers = make("div", { class: "chips", role: "group", "aria-label": "Layer" }, ...chips);
  const word = make("span", { class: "quiet", "aria-hidden": "true" }, "channel");
  const stepper = make(
    "div",
    { class: "stepper", role: "group", "aria-label": "Channel" },
    word,
    previous,
    number,
    next,
    countText,
  );
  return make("div", { class: "channel-picker" }, layers, stepper);
}
