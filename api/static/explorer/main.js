/** The page: asks what is resident, then lets each chapter fill its place. */

import "/sdk/lightwell.js";
import { Lightwell } from "/sdk/client.js";
import { make } from "/sdk/dom.js";
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

/** Ask what is resident; a server that has just started says that it is not ready yet. */
async function residents() {
  for (;;) {
    try {
      await lightwell.get("/readyz");
      return (await lightwell.get("/models")).models;
    } catch (error) {
      const { kind, message } = /** @type {import("/sdk/client.js").LightwellError} */ (error);
      if (kind !== "warming") throw new Error(message, { cause: error });
      announce("The models are being compiled; this page goes on when they are.");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** @param {import("./context.js").Model} model */
function factsOf({ parameters, weights, device, training }) {
  const accuracy = training.metrics?.test_accuracy;
  const facts = [`${parameters.toLocaleString("en")} parameters`, `on ${device.split(" ")[0].toUpperCase()}`];
  if (typeof accuracy === "number") facts.push(`${(100 * accuracy).toFixed(2)} % right on test data`);
  return [...facts, `weights ${weights.slice(0, 8)}`].join(" · ");
}

async function open() {
  const store = new Store();
  const models = await residents();
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
  const said = make("p", { class: "warning", role: "alert" }, `This page cannot go on: ${error.message}`);
  document.querySelector("main")?.prepend(said);
});
