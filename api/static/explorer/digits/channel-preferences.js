/** Channel preferences: test images and optimised images that activate the selected channel most. */

import { make } from "/sdk/dom.js";
import { formatNumber, formatPercent } from "/sdk/number-format.js";
import { TensorHeatmap } from "/sdk/tensor-heatmap.js";
import { downloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { VectorBars } from "../vector-bars.js";
import { selectedChannel } from "./channel-picker.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

/** Tensors on display, with their titles and tiles of a row. */
const ROWS = /** @type {const} */ ([
  ["strongest", "Test images with its largest values", 9],
  ["crops", "Receptive field of the largest value in each", 9],
  ["optimum", "Images that maximise it", 2],
]);

/**
 * Fill the panel `unit`.
 * @param {import("../context.js").Context} context
 */
export function mountChannelPreferences({ lightwell, store, cnn }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("unit-body"));
  const name = make("h3");
  const rows = ROWS.map(([key, title, columns]) => {
    const map = new TensorHeatmap();
    map.setAttribute("label", title);
    map.setAttribute("bare", "");
    map.setAttribute("columns", String(columns));
    return { key, map, element: make("section", { class: `unit-${key}` }, make("h3", {}, title), map) };
  });
  const facts = make("p", { class: "explain", role: "status" });
  const means = new VectorBars("Mean by digit", () => {});
  const byDigit = make("section", {}, make("h3", {}, "Its mean over the test images of each digit"), means.element);
  body.replaceChildren(name, ...rows.map(({ element }) => element), facts, byDigit);

  const parameters = () => {
    const { layer, channel } = selectedChannel(cnn, store.state);
    return { layer: layer.name, channel };
  };
  /** @returns {import("../context.js").View} */
  const describe = () => ({ name: "unit", model: "cnn", probe: "unit", parameters: parameters() });
  body.closest(".panel")?.querySelector("header")?.append(downloads(describe));

  const send = latestRequest(
    (/** @type {ReturnType<typeof parameters>} */ query, signal) =>
      retryWhileCompiling(
        () => lightwell.ask("cnn", "unit", { parameters: query, signal }),
        signal,
        () => (facts.textContent = COMPILING),
      ),
    render,
    (error) => {
      facts.textContent = error.message;
      for (const { element } of rows) element.hidden = true;
    },
  );

  /** @param {Answer} answer */
  function render({ tensors, measures }) {
    for (const { key, map, element } of rows) {
      const tensor = tensors.get(key);
      element.hidden = !tensor;
      if (tensor) map.tensor = tensor;
    }
    const mean = /** @type {Tensor} */ (tensors.get("class_means"));
    const favourite = cnn.classes.indexOf(String(measures.get("favourite")));
    means.show(mean.values, { selected: favourite, dtype: mean.dtype, unit: "digit", names: cnn.classes });
    const selectivity = measures.get("selectivity");
    const parts = [
      `It responds most to the digit ${measures.get("favourite")}`,
      typeof selectivity === "number" ? ` (selectivity ${formatNumber(selectivity, 2)} of 1)` : "",
      `, and ${formatPercent(Number(measures.get("silent_values")))} of its values are at most zero. `,
      `The optimisation reached ${formatNumber(Number(measures.get("reached")), 3)}; the maximum over the test images is `,
      `${formatNumber(Number(measures.get("test_reference")), 3)}. An optimised image is a local maximum: it does not show `,
      "everything that the channel detects.",
    ];
    facts.textContent = parts.join("");
  }

  store.on(["layer", "channel"], () => {
    const query = parameters();
    name.textContent = `${query.layer}, channel ${query.channel}`;
    void send(query);
  });
}
