/** Forward button: opens the computation of a layer, one position after another, in place of its detail. */

import { make } from "../../sdk/dom.js";
import { imageInput, INPUT } from "../model-facts.js";
import { selectedChannel } from "./shown-layers.js";
import { operationOf } from "./operations.js";

/** @typedef {import("../context.js").Layer} Layer */
/** @typedef {import("../context.js").Model} Model */
/** @typedef {"conv" | "pool" | "activation" | "dense"} Kind */

/**
 * Kind of a layer's computation, where the page has everything that it reads; else null.
 * @param {Model} model
 * @param {Layer} layer
 * @returns {Kind | null}
 */
export function computationOf(model, layer) {
  const { word } = operationOf(layer);
  const [source, ...more] = layer.inputs;
  // Answers have the picture before mean and std, rounded; of digits it has every digit.
  if (more.length || (source === INPUT && imageInput(model).prepare !== "mnist")) return null;
  if (word === "conv" || word === "pool" || word === "dense") return word;
  return layer.kind === "post_activation" ? "activation" : null;
}

/**
 * Make the button; the computation is loaded when it is first opened.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export function forwardButton(context, image) {
  const { store, model } = context;
  const button = make("button", { type: "button", class: "forward-open" }, "▶ Step through it");
  /** @type {Promise<{ focus: () => void }> | null} */
  let panel = null;
  button.addEventListener("click", () => {
    const { layer } = selectedChannel(model, store.state);
    const { y, x } = store.state;
    const columns = Number(layer.shape[2] ?? 0);
    store.set({ forward: columns && y >= 0 && x >= 0 ? y * columns + x : 0 });
    void panel?.then(({ focus }) => focus());
  });
  store.on(["forward", "layer", "channel"], (state) => {
    button.hidden = state.forward >= 0 || !computationOf(model, selectedChannel(model, state).layer);
    if (state.forward >= 0) panel ??= import("./forward/forward-panel.js").then(({ mountForward }) => mountForward(context, image, button));
  });
  return button;
}
