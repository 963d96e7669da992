/** Entry point of the page: waits for the server, then opens a chapter for each family of models. */

import { make } from "../sdk/dom.js";
import "../sdk/lightwell.js";
import { pause } from "../sdk/repeats.js";
import { openChapter } from "./chapter.js";
import { IMAGES } from "./images/images-chapter.js";
import { loadWhenNear } from "./lazy-panels.js";
import { hasProbe } from "./model-facts.js";
import { lightwell } from "./page-client.js";
import { SEQUENCES } from "./sequences/sequences-chapter.js";
import { mountSettings } from "./settings.js";
import { Store } from "./state.js";
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
  await lightwell.get("/readyz", {}, { patience: Infinity });
  return (await lightwell.get("/models")).models;
}

async function open() {
  const store = new Store();
  const models = await residentModels();
  const page = { lightwell, store, announce, models };
  mountSettings(page);
  const findings = /** @type {HTMLElement} */ (document.getElementById("findings"));
  if (models.some((one) => hasProbe(one, "findings"))) {
    loadWhenNear(findings, async () => (await import("./findings.js")).mountFindings(page));
  } else {
    findings.remove();
    document.querySelector('.top nav a[href="#findings"]')?.remove();
  }
  await Promise.all([openChapter(page, IMAGES), openChapter(page, SEQUENCES)]);
}

open().catch((error) => {
  const warning = make("p", { class: "warning", role: "alert" }, `This page could not be loaded: ${error.message}`);
  document.querySelector("main")?.prepend(warning);
});
