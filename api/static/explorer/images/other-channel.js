/** Other-channel controls: the layer and the channel of side B. */

import { make } from "../../sdk/dom.js";
import { layerOf } from "../model-facts.js";
import { otherChannel } from "./other-side.js";

/**
 * Make the controls.
 * @param {import("../context.js").Context} context
 * @param {string} by `channel` or `network`.
 * @param {() => import("../context.js").Model} network Network of B.
 */
export function otherChannelControls({ store, model }, by, network) {
  const layers = make("select");
  const number = make("input", { type: "number", min: "0", step: "1", class: "number unit-number" });
  const count = make("span", { class: "quiet" });
  layers.addEventListener("change", () => store.set({ otherLayer: layers.value, otherChannel: -1 }));
  number.addEventListener("change", () => {
    const wanted = Math.trunc(Number(number.value));
    const most = otherChannel(by, model, network(), store.state).count - 1;
    if (number.value !== "" && Number.isFinite(wanted)) store.set({ otherChannel: Math.min(Math.max(wanted, 0), most) });
    update();
  });

  function update() {
    const other = network();
    const { layer, channel, count: most } = otherChannel(by, model, other, store.state);
    const none = layer ? [] : [make("option", { value: "" }, "none of A’s name")];
    layers.replaceChildren(...none, ...other.layers.map(({ name }) => make("option", { value: name }, name)));
    layers.value = layerOf(other, layer?.name ?? "")?.name ?? "";
    number.disabled = !layer;
    number.value = String(channel);
    number.max = String(most - 1);
    count.textContent = `of ${most}`;
  }

  store.on(["layer", "channel", "otherLayer", "otherChannel", "otherModel"], update);
  return [make("label", { class: "choice" }, "B: layer", layers), make("label", { class: "choice" }, "channel", number, count)];
}
