/** Entry point of the page: waits for the server, then opens the view of the address. */

import { make } from "../sdk/dom.js";
import { pause } from "../sdk/repeats.js";
import { openChapter } from "./chapter.js";
import { FAMILIES, modelsOf } from "./families.js";
import { addLinks, loadWhenNear } from "./lazy-panels.js";
import { hasProbe } from "./model-facts.js";
import { mountNavigation } from "./navigation.js";
import { lightwell } from "./page-client.js";
import { mountSettings } from "./settings.js";
import { Store } from "./store.js";
import { showWait } from "./waiting-note.js";

const live = /** @type {HTMLElement} */ (document.getElementById("live"));

/** @param {string} text */
function announce(text) {
  live.textContent = text;
}

/** Most questions after the models before `/readyz` is asked, which says why the server is not ready. */
const MOST_QUESTIONS = 60;

/**
 * Models of the server, once it has compiled them. `/models` answers before: a browser reports each 503 as an error.
 * @returns {Promise<import("./context.js").Model[]>}
 */
async function residentModels() {
  for (let questions = 1; questions <= MOST_QUESTIONS; questions += 1) {
    const { models, ready } = await lightwell.get("/models");
    if (ready) return models;
    showWait({ error: { kind: "warming" }, seconds: 1 });
    await pause(1);
  }
  await lightwell.get("/readyz", {}, { retrySeconds: Infinity });
  return (await lightwell.get("/models")).models;
}

async function open() {
  const models = await residentModels();
  const families = FAMILIES.filter((family) => modelsOf(family, models).length);
  const hasFindings = models.some((one) => hasProbe(one, "findings"));
  const views = [...families.map(({ id }) => id), ...(hasFindings ? ["findings"] : [])];
  const store = new Store(models, views);
  const page = { lightwell, store, announce, models };
  mountSettings(page);
  mountNavigation(store, views, announce);
  const openTour = async (/** @type {import("./state.js").State} */ { tour }) => {
    if (!tour) return;
    store.off(openTour);
    await null; // until the store has written the address of this state
    const { fragment } = store;
    (await import("./tour/tour.js")).mountTour(page, fragment);
  };
  store.on(["tour"], openTour);
  const findings = document.getElementById("findings");
  const loadFindings = async () => {
    const [{ mountFindings }] = await Promise.all([import("./findings.js"), addLinks("later-styles")]);
    await mountFindings(page);
  };
  if (hasFindings) loadWhenNear(findings, loadFindings);
  await Promise.all(families.map((family) => openChapter(page, family)));
}

open().catch((error) => {
  const warning = make("p", { class: "warning", role: "alert" }, `This page could not be loaded: ${error.message}`);
  document.querySelector("main")?.prepend(warning);
});
