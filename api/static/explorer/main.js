/** Entry point of the page: waits for the server, then opens a chapter for each family of models. */

import { make } from "/sdk/dom.js";
import "/sdk/lightwell.js";
import { openChapter } from "./chapter.js";
import { IMAGES } from "./images/images-chapter.js";
import { loadWhenNear } from "./lazy-panels.js";
import { hasProbe } from "./model-facts.js";
import { lightwell } from "./page-client.js";
import { SEQUENCES } from "./sequences/sequences-chapter.js";
import { mountSettings } from "./settings.js";
import { Store } from "./state.js";

const live = /** @type {HTMLElement} */ (document.getElementById("live"));

/** @param {string} text */
function announce(text) {
  live.textContent = text;
}

/**
 * Models of the server, once it has compiled them.
 * @returns {Promise<import("./context.js").Model[]>}
 */
async function residentModels() {
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
