/** Weights panel: the matrices of a network of sequences, one for each gate, with the names of their rows and columns. */

import { make } from "../../sdk/dom.js";
import { requestFigure } from "../analyses.js";
import { weightsFor } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { loadStyle } from "../lazy-panels.js";
import { choicesOf } from "../model-facts.js";
import { codePanel } from "../request-code.js";
import { COMPILING } from "../retry.js";
import { stateSelect } from "../state-select.js";

/**
 * Fill the panel `weights`.
 * @param {import("../context.js").Context} context
 */
export async function mountWeights(context) {
  const { lightwell, store, model, announce } = context;
  await loadStyle(import.meta.resolve("./step-panels.css"));
  const body = part(context, "weights-body");
  const layers = choicesOf(model, "weights", "layer");
  const layer = stateSelect(store, "weightsLayer", "Layer", [["", "all layers"], ...layers.map((name) => /** @type {const} */ ([name, name]))]);
  const warning = make("p", { class: "warning", role: "status", hidden: true });
  const place = make("div", { class: "of-input" });
  const code = make("div");
  body.replaceChildren(make("div", { class: "row choices" }, layer), warning, place, make("details", {}, make("summary", {}, "The request as code"), code));

  /** @returns {import("../context.js").View} */
  function describe() {
    const { weightsLayer } = store.state;
    const parameters = { layer: layers.includes(weightsLayer) ? weightsLayer : null, ...weightsFor(model, store.state, "weights") };
    return { name: `${model.name}-weights`, model: model.name, probe: "weights", parameters };
  }
  const requestCode = codePanel(code, describe);
  addDownloads(body, describe);

  /** @param {string} text */
  function warn(text) {
    warning.textContent = text;
    warning.hidden = false;
  }
  let isFirst = true;
  const send = latestRequest(
    context,
    (/** @type {import("../context.js").View} */ { parameters }, signal) =>
      requestFigure(lightwell, model.name, "weights", { parameters, signal, waiting: () => warn(COMPILING), isNamed: true }),
    (figure) => {
      warning.hidden = true;
      place.replaceChildren(figure);
      if (!isFirst) announce(`The weights of ${store.state.weightsLayer || "all layers"} are shown.`);
      isFirst = false;
    },
    (error) => warn(error.message),
    place,
  );
  store.on(["weightsLayer", "sequenceCheckpoint"], () => {
    requestCode.update();
    void send(describe());
  });
}
