/** Entry point of the page: waits for the server, then mounts the two chapters. */

import { Lightwell } from "/sdk/client.js";
import { make } from "/sdk/dom.js";
import "/sdk/lightwell.js";
import { mountDigits } from "./digits/digits-chapter.js";
import { loadWhenNear } from "./lazy-panels.js";
import { mountSequences } from "./sequences/sequences-chapter.js";
import { mountSettings } from "./settings.js";
import { Store } from "./state.js";

const RETRY_MS = 500;

const lightwell = new Lightwell();
const live = /** @type {HTMLElement} */ (document.getElementById("live"));

/** @param {string} text */
function announce(text) {
  live.textContent = text;
}

/** Models of the server; while a starting server compiles them, the request is repeated. */
async function loadedModels() {
  for (;;) {
    try {
      await lightwell.get("/readyz");
      return (await lightwell.get("/models")).models;
    } catch (error) {
      const { kind, message } = /** @type {import("/sdk/client.js").LightwellError} */ (error);
      if (kind !== "warming") throw new Error(message, { cause: error });
      announce("The server is compiling its models; this page loads when it is done.");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** @param {import("./context.js").Model} model */
function factsOf({ parameters, weights, device, training }) {
  const accuracy = training.metrics?.test_accuracy;
  const facts = [`${parameters.toLocaleString("en")} parameters`, `on ${device.split(" ")[0].toUpperCase()}`];
  if (typeof accuracy === "number") facts.push(`${(100 * accuracy).toFixed(2)} % test accuracy`);
  return [...facts, `weights ${weights.slice(0, 8)}`].join(" · ");
}

async function open() {
  const store = new Store();
  const models = await loadedModels();
  const [cnn, lstm] = ["cnn", "lstm"].map((name) => models.find((/** @type {any} */ one) => one.name === name));
  announce("");
  const context = { lightwell, store, announce, cnn, lstm };
  mountSettings(context);
  for (const model of [cnn, lstm]) {
    const place = document.getElementById(`${model.name}-facts`);
    if (place) place.textContent = factsOf(model);
  }
  loadWhenNear("findings", async () => (await import("./findings.js")).mountFindings(context));
  await Promise.all([mountDigits(context), mountSequences(context)]);
}

open().catch((error) => {
  const warning = make("p", { class: "warning", role: "alert" }, `This page could not be loaded: ${error.message}`);
  document.querySelector("main")?.prepend(warning);
});
