/** Image panels: those of a network of images that the first answer does not wait for, from the network to the code of a request. */

import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { loadWhenNear } from "../lazy-panels.js";
import { codePanel } from "../request-code.js";
import { layersOf } from "./current-image.js";
import { mountInspector } from "./inspector.js";
import { mountNetworkInput } from "./network-input.js";
import { mountNetwork } from "./network.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("./current-image.js").CurrentImage} CurrentImage */

/**
 * Fill the panels of the first screen, and the others when they are near the window.
 * @param {Context} context
 * @param {CurrentImage} image
 */
export function mountImagePanels(context, image) {
  const panel = (/** @type {string} */ id) => /** @type {HTMLElement | null} */ (context.root.querySelector(`#${id}`));
  mountNetworkInput(context, image);
  addDownloads(part(context, "answer"), () => image.describe("predict", { cmap: null, range: null }));
  if (panel("network")) mountNetwork(context, image);
  if (panel("inspector")) void mountInspector(context, image);
  loadWhenNear(panel("why"), async () => (await import("./pixel-attribution.js")).mountPixelAttribution(context, image));
  loadWhenNear(panel("what-if"), async () => (await import("./channel-interventions.js")).mountChannelInterventions(context, image));
  loadWhenNear(panel("layers"), async () => (await import("../analyses.js")).mountAnalyses(context, "layers-body", "layersView"));
  loadWhenNear(panel("map"), async () => (await import("./embedding/embedding-panel.js")).mountEmbedding(context, image));
  loadWhenNear(panel("filters"), async () => (await import("./filters.js")).mountFilters(context));
  loadWhenNear(panel("compare"), async () => (await import("./compare.js")).mountCompare(context, image));
  loadWhenNear(panel("unit"), async () => (await import("./channel-preferences.js")).mountChannelPreferences(context));
  if (panel("digit-code")) mountCode(context, image);
}

/**
 * Fill the panel `digit-code`.
 * @param {Context} context
 * @param {CurrentImage} image
 */
function mountCode(context, image) {
  const { store, model } = context;
  const container = part(context, "digit-code-body");
  const code = codePanel(container, () =>
    image.answer ? image.describe("activations", { layers: layersOf(store.state, model) }) : null,
  );
  image.onAnswer(() => code.update());
}
