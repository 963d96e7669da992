/** Channel picker: which layer and channel is looked at closely. */

import { make } from "/sdk/dom.js";

/** @typedef {import("../context.js").Layer} Layer */

/**
 * Return the layer and the channel that the state names; a link may name what there is not.
 * @param {import("../context.js").Model} cnn
 * @param {{ layer: string, channel: number }} state
 * @returns {{ layer: Layer, channel: number, count: number }}
 */
export function chosen(cnn, state) {
  const layer = cnn.layers.find(({ name }) => name === state.layer) ?? cnn.layers[1];
  const count = Number(layer.shape[0]);
  return { layer, channel: Math.min(Math.max(state.channel, 0), count - 1), count };
}

/** Which kernel made a layer: a ReLU and a pool have that of the layer before. @param {Layer} layer */
export function kernelOf({ name }) {
  if (name === "logits") return "output";
  return name === "dense1" || name === "relu4" ? "dense1" : `conv${name.at(-1)}`;
}

/**
 * Make the controls.
 * @param {import("../context.js").Context} context
 * @returns {HTMLElement}
 */
export function channelPicker({ store, cnn }) {
  const chips = cnn.layers.map(({ name, shape }) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => {
      const { layer, channel, y, x } = store.state;
      const old = chosen(cnn, { layer, channel });
      // The pinned value stays where it is on the picture, though maps shrink.
      const scale = Number(shape[1] ?? 0) / Number(old.layer.shape[1] ?? shape[1] ?? 1);
      const pinned = y >= 0 && scale > 0 ? { y: Math.floor(y * scale), x: Math.floor(x * scale) } : {};
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
  const of = make("span", { class: "quiet" });
  const [back, on] = [make("button", { type: "button" }, "‹"), make("button", { type: "button" }, "›")];
  back.setAttribute("aria-label", "Previous channel");
  on.setAttribute("aria-label", "Next channel");
  const step = (/** @type {number} */ by) => {
    const { channel, count } = chosen(cnn, store.state);
    store.set({ channel: (channel + by + count) % count });
  };
  back.addEventListener("click", () => step(-1));
  on.addEventListener("click", () => step(1));
  number.addEventListener("change", () => {
    const wanted = Math.trunc(Number(number.value));
    if (number.value !== "" && Number.isFinite(wanted)) {
      store.set({ channel: chosen(cnn, { layer: store.state.layer, channel: wanted }).channel });
    }
    number.value = String(chosen(cnn, store.state).channel);
  });
  store.on(["layer", "channel"], (state) => {
    const { layer, channel, count } = chosen(cnn, state);
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(cnn.layers[at] === layer)));
    number.value = String(channel);
    number.max = String(count - 1);
    of.textContent = `of ${count}`;
  });
  const layers = make("div", { class: "chips", role: "group", "aria-label": "Layer" }, ...chips);
  const word = make("span", { class: "quiet", "aria-hidden": "true" }, "channel");
  const stepper = make(
    "div",
    { class: "stepper", role: "group", "aria-label": "Channel" },
    word,
    back,
    number,
    on,
    of,
  );
  return make("div", { class: "channel-picker" }, layers, stepper);
}
