/** Channel interventions: predictions with and without edited channels, and the ablation of every channel. */

import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { checkpointOf, weightsFor } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { choicesOf, hasProbe, outputOf } from "../model-facts.js";
import { probabilityBars } from "../probability-bars.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { VectorBars } from "../vector-bars.js";
import { editLabel, postedEdits, readEdits, writeEdits } from "./channel-edits.js";
import { selectedChannel } from "./shown-layers.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

const OPERATIONS = /** @type {const} */ ([
  ["zero", "Switch it off"],
  ["mean", "Set it to its mean"],
  ["scale", "Double it"],
]);

/**
 * Fill the panel `what-if`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export function mountChannelInterventions(context, image) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, "what-if-body");
  const output = outputOf(model).name;
  const name = make("span", { class: "number" });
  // The mean of a channel is known where training's data have been measured.
  const known = OPERATIONS.filter(([operation]) => operation !== "mean" || hasMeans(model));
  const buttons = known.map(([operation, text]) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      const { layer, channel } = selectedChannel(model, store.state);
      const edit = { layer: layer.name, channel, operation, amount: 2 };
      store.set({ edits: writeEdits([...readEdits(store.state.edits, model), edit]) });
    });
    return button;
  });
  const list = make("div", { class: "chips", role: "group", "aria-label": "Edits" });
  const clear = make("button", { type: "button" }, "Undo all");
  clear.addEventListener("click", () => store.set({ edits: "" }));
  const warning = make("p", { class: "warning", hidden: true });
  const runs = ["unchanged", "edited"].map((title) => {
    const place = make("div");
    const bars = probabilityBars(place, model.classes);
    return { bars, element: make("section", {}, make("h3", {}, title), place) };
  });
  const explanation = make("p", { class: "explain", role: "status" });
  const sweepTitle = make("h3");
  const sweep = new VectorBars("Decrease of the logit without each channel", (channel) => store.set({ channel }));
  body.replaceChildren(
    make("div", { class: "row" }, make("span", {}, "Channel ", name, ":"), ...buttons),
    make("div", { class: "row" }, list, clear),
    warning,
    make("div", { class: "what-if-pair" }, ...runs.map(({ element }) => element)),
    explanation,
    sweepTitle,
    sweep.element,
  );

  /** @type {{ layer: string, values: ArrayLike<number>, target: string } | null} */
  let ablation = null;
  let lastQuery = "";
  /** Whether the user has just edited a channel: only then is the answer announced. */
  let isUserChange = false;

  // A drawing and a file are posted as a picture, which has no room for edits: the pixels that it became have.
  addDownloads(body, () =>
    image.answer && {
      ...image.describe("intervene", { layers: output, cmap: null, range: null, preprocess: "none" }),
      input: image.answer.input.pixels,
      extra: { edits: postedEdits(readEdits(store.state.edits, model)) },
    },
  );

  /** @param {Error} error */
  function fail(error) {
    warning.textContent = error.message;
    warning.hidden = false;
  }
  const showCompiling = () => fail(new Error(COMPILING));

  const send = latestRequest(
    context,
    (/** @type {{ pixels: number[][], edits: import("./channel-edits.js").Edit[] }} */ { pixels, edits }, signal) => {
      const extra = { edits: postedEdits(edits) };
      const query = { input: pixels, parameters: { preprocess: "none", layers: output, ...weightsFor(model, store.state, "intervene") }, extra, signal };
      return retryWhileCompiling(`/${model.name}/intervene`, () => lightwell.ask(model.name, "intervene", query), signal, showCompiling);
    },
    (answer, { edits }) => {
      warning.hidden = true;
      show(answer, edits.length);
    },
    fail,
    body,
  );

  const sendSweep = latestRequest(
    context,
    (/** @type {{ pixels: number[][], layer: string }} */ { pixels, layer }, signal) => {
      const query = { input: pixels, parameters: { preprocess: "none", layer, ...weightsFor(model, store.state, "sweep") }, signal };
      return retryWhileCompiling(`/${model.name}/sweep`, () => lightwell.ask(model.name, "sweep", query), signal, showCompiling);
    },
    ({ tensors, measures }, { layer }) => {
      warning.hidden = true;
      const effect = /** @type {Tensor} */ (tensors.get("effect"));
      ablation = { layer, values: effect.values, target: String(measures.get("target")) };
      render();
    },
    fail,
  );

  /** @param {Answer} answer @param {number} count */
  function show({ tensors }, count) {
    const [logits, probabilities] = ["logits", "probabilities"].map((one) => /** @type {Tensor} */ (tensors.get(one)));
    const answers = runs.map(({ bars }, run) => {
      const at = (/** @type {Tensor} */ tensor) => Array.from(tensor.slice(run));
      const shares = at(probabilities);
      const label = shares.indexOf(Math.max(...shares));
      bars.update({ label, name: model.classes[label], probabilities: shares, logits: at(logits) });
      return { label, logits: at(logits) };
    });
    const [before, after] = answers;
    const difference = after.logits[before.label] - before.logits[before.label];
    const change = `The logit of ${model.classes[before.label]} changes by ${formatNumber(difference, 3)}`;
    explanation.textContent = !count
      ? "Select a channel above, then switch it off."
      : before.label === after.label
        ? `${change}; the answer stays ${model.classes[after.label]}.`
        : `${change}, and the answer changes from ${model.classes[before.label]} to ${model.classes[after.label]}.`;
    if (isUserChange) announce(explanation.textContent);
    isUserChange = false;
  }

  function render() {
    const { layer, channel } = selectedChannel(model, store.state);
    name.textContent = `${layer.name} ${channel}`;
    const isTrained = checkpointOf(model, store.state) === null;
    known.forEach(([operation], at) => {
      buttons[at].disabled = operation === "mean" && !isTrained;
      buttons[at].title = buttons[at].disabled ? "Its mean was measured in the trained network alone" : "";
    });
    const edits = readEdits(store.state.edits, model);
    list.replaceChildren(
      ...edits.map((edit, at) => {
        const text = editLabel(edit);
        const chip = make("button", { type: "button", class: "chip", "aria-label": `Undo: ${text}` }, `${text} ×`);
        chip.addEventListener("click", () => store.set({ edits: writeEdits(edits.filter((_, one) => one !== at)) }));
        return chip;
      }),
    );
    clear.hidden = !edits.length;
    const isSwept = ablation?.layer === layer.name;
    sweepTitle.textContent = ablation ? `How much the logit of ${ablation.target} decreases without each channel of ${ablation.layer}` : "";
    sweep.element.hidden = !isSwept;
    if (ablation && isSwept) sweep.show(ablation.values, { selected: channel, dtype: "float32", unit: "channel" });
  }

  function update() {
    render();
    if (!image.answer) return;
    const { pixels } = image.answer.input;
    void send({ pixels, edits: readEdits(store.state.edits, model) });
  }

  /** Request the ablation of each channel, which runs one row for each: once for a picture and a layer. */
  function sweepIfChanged() {
    render();
    if (!image.answer || !hasProbe(model, "sweep")) return;
    const layer = selectedChannel(model, store.state).layer.name;
    const { pixels } = image.answer.input;
    const query = JSON.stringify([layer, pixels, weightsFor(model, store.state, "sweep")]);
    if (query === lastQuery) return;
    lastQuery = query;
    void sendSweep({ pixels, layer });
  }

  store.on(["edits"], () => {
    isUserChange = true;
    update();
  });
  isUserChange = false;
  store.on(["layer", "channel"], sweepIfChanged);
  image.onAnswer(() => {
    update();
    sweepIfChanged();
  });
}

/** Whether the means of channels were measured, so that an edit can set one to its mean. @param {import("../context.js").Model} model */
function hasMeans(model) {
  return !hasProbe(model, "sweep") || choicesOf(model, "sweep", "operation").includes("mean");
}
