/** Differing channels: for every layer, the channels with the largest difference between two pictures. */

import { paint } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { exactNumber } from "../exact-number.js";
import { outputOf } from "../model-facts.js";
import { selectedChannel } from "./shown-layers.js";
import { byChannel, largest } from "../compare/differences.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */

const SHOWN = 8;

/**
 * Make the strips.
 * @param {import("../context.js").Context} context
 * @param {Map<string, import("../../sdk/colours.js").Table>} tables
 */
export function differingChannels({ store, model }, tables) {
  const list = make("ul");
  const title = make("h3", {}, "Where they differ most");
  const caption = make(
    "p",
    { class: "quiet" },
    "Mean absolute difference of a channel; the largest of each layer come first.",
  );
  const element = make("div", { class: "differing" }, title, caption, list);

  /** @param {Answer} first @param {Answer} second */
  function show(first, second) {
    const table = tables.get("RdBu");
    if (!table) return;
    const rows = model.layers.flatMap(({ name }) => {
      const [one, other] = [first.tensors.get(name), second.tensors.get(name)];
      if (!one || !other || name === outputOf(model).name) return [];
      const channels = byChannel(one, other).slice(0, SHOWN);
      const most = largest(channels.flatMap(({ values }) => Array.from(values)));
      const buttons = channels.map(({ channel, mean, values }) => {
        const canvas = make("canvas", {
          width: one.shape[2] ?? 1,
          height: one.shape[1] ?? 1,
          "aria-hidden": "true",
        });
        canvas.getContext("2d")?.putImageData(paint(values, canvas.width, -most, most, table), 0, 0);
        const number = make("span", { class: "number" }, String(channel));
        const button = make(
          "button",
          { type: "button" },
          canvas,
          number,
          exactNumber(mean, "float64", formatNumber(mean, 2)),
        );
        button.title = `${name}, channel ${channel}: mean absolute difference ${formatNumber(mean)}`;
        button.addEventListener("click", () => store.set({ layer: name, channel }));
        button.dataset.at = `${name}.${channel}`;
        return button;
      });
      return [make("li", {}, make("span", { class: "number" }, name), make("div", {}, ...buttons))];
    });
    list.replaceChildren(...rows);
    markSelected();
  }

  function markSelected() {
    const { layer, channel } = selectedChannel(model, store.state);
    for (const button of list.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.at === `${layer.name}.${channel}`));
    }
  }

  store.on(["layer", "channel"], markSelected);
  return { element, show };
}
