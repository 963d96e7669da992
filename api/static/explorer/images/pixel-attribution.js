/** Pixel attribution: a map of the selected method, and two checks of it: deletion and reset weights. */

import { make } from "../../sdk/dom.js";
import { formatNumber } from "../../sdk/number-format.js";
import { TensorHeatmap } from "../../sdk/tensor-heatmap.js";
import { checkpointOf } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { LineChart } from "../line-chart.js";
import { choicesOf, hasMaps, hasParameter, nounOf } from "../model-facts.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { stateSelect } from "../state-select.js";
import { pictureOverlay } from "./picture-overlay.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

const METHODS = /** @type {const} */ ([
  ["integrated_gradients", "integrated gradients"],
  ["gradient", "gradient"],
  ["gradient_x_input", "gradient × input"],
  ["smoothgrad", "SmoothGrad"],
  ["grad_cam", "Grad-CAM"],
  ["hirescam", "HiResCAM"],
  ["layer_cam", "LayerCAM"],
  ["occlusion", "occlusion"],
]);

/** Explanation of each method. */
const EXPLANATIONS = /** @type {Record<string, string>} */ ({
  integrated_gradients:
    "The gradient, integrated along the straight path from the baseline to the picture. The map sums to the difference of the logits of picture and baseline, but for an error that is stated below it.",
  gradient:
    "How much the logit would change if each pixel were slightly brighter. In even areas, where values in a pooling window are equal, only the first of them has a gradient.",
  gradient_x_input: "The gradient times the pixel's brightness: the contribution of each pixel to first order.",
  smoothgrad: "The gradient, averaged over noisy copies of the picture.",
  grad_cam:
    "The maps of a layer, summed with their mean gradients as weights. The mean loses positions: many of these maps, most of all at early layers, rank pixels worse than random order does.",
  hirescam: "The maps of a layer times their gradients at each position, summed over the channels.",
  layer_cam: "The maps of a layer times the positive part of their gradients, summed over the channels.",
  occlusion: "How much the logit falls when a window of 5 × 5 pixels is covered.",
});

/** Warnings about the map itself; those about the picture are shown at the prediction. */
const ABOUT_THE_MAP = ["incomplete", "unfaithful", "pool-ties"];
const CAMS = ["grad_cam", "hirescam", "layer_cam"];
const WITH_BASELINE = ["integrated_gradients", "occlusion"];

/**
 * Fill the panel `why`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export function mountPixelAttribution(context, image) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, "why-body");
  const classes = model.classes.map((name, at) => /** @type {const} */ ([at, name]));
  const offered = choicesOf(model, "attribution", "method");
  const methods = METHODS.filter(([name]) => !offered.length || offered.includes(name));
  const method = stateSelect(store, "method", "Method", methods);
  const target = stateSelect(store, "target", "Why", [[-1, "its answer"], ...classes]);
  const against = stateSelect(store, "against", "and not", [[-1, "(none)"], ...classes]);
  const listed = choicesOf(model, "attribution", "layer");
  const layers = listed.length ? listed : model.layers.filter(hasMaps).map(({ name }) => name);
  const lastLayer = layers[layers.length - 1];
  const layer = stateSelect(store, "camLayer", "Layer", layers.map((name) => [name, name]), lastLayer);
  const baseline = stateSelect(store, "baseline", "Baseline", [
    ["black", "black"],
    ["white", "white"],
    ["mean", `mean ${nounOf(model)}`],
    ["blur", "blurred"],
  ]);
  const check = make("button", { type: "button" }, "Check with reset weights");
  const explanation = make("p", { class: "explain" });
  const map = new TensorHeatmap();
  map.setAttribute("label", "Attribution of each pixel");
  const over = pictureOverlay(map, nounOf(model));
  const facts = make("p", { class: "number quiet" });
  const warnings = make("div", {});
  const chart = new LineChart("The logit while pixels are deleted");
  const verdict = make("p", { class: "explain" });
  const sanity = make("p", { class: "explain", role: "status" });
  const checks = make("div", {}, make("h3", {}, "Delete pixels in the map’s order"), chart.element, verdict, check, sanity);
  body.replaceChildren(
    make("div", { class: "row choices" }, target, against, method, layer, baseline),
    explanation,
    make(
      "div",
      { class: "why-shown" },
      make("div", {}, over.element, facts, warnings),
      checks,
    ),
  );

  /** The chosen method; a link may hold any text. @param {{ method: string }} state */
  const methodOf = (state) => (methods.find(([name]) => name === state.method) ?? methods[0])[0];

  const parameters = () => {
    const state = store.state;
    const isCam = CAMS.includes(methodOf(state));
    return {
      method: methodOf(state),
      target: state.target < 0 || state.target >= classes.length ? null : state.target,
      against: state.against >= 0 && state.against !== state.target ? state.against : null,
      layer: isCam ? (layers.includes(state.camLayer) ? state.camLayer : lastLayer) : null,
      baseline: WITH_BASELINE.includes(methodOf(state)) ? state.baseline : null,
    };
  };
  const describe = () => image.describe("attribution", { cmap: null, range: null, ...parameters() });
  addDownloads(body, describe);

  /** Picture, settings and weights of the check that is shown or awaited. */
  let checked = "";
  const question = () => {
    const { preprocess, checkpoint } = image.parameters;
    return JSON.stringify([parameters(), preprocess, checkpoint, image.answer?.input.pixels]);
  };

  /** Whether the user has just changed a setting: only then is the answer announced. */
  let isUserChange = false;

  /** @param {string} text */
  const showFacts = (text) => {
    facts.textContent = text;
  };
  const showCompiling = () => showFacts(COMPILING);

  /** @param {AbortSignal} signal @param {Record<string, any>} [extraParameters] */
  const request = async (signal, extraParameters = {}) => {
    const { input, parameters } = describe();
    const query = { input, parameters: { ...parameters, ...extraParameters }, signal };
    return retryWhileCompiling(`/${model.name}/attribution`, () => lightwell.ask(model.name, "attribution", query), signal, showCompiling);
  };

  const send = latestRequest(context, (/** @type {void} */ _, signal) => request(signal), render, (error) => showFacts(error.message), body);

  const sendCheck = latestRequest(
    context,
    (/** @type {void} */ _, signal) => request(signal, { sanity: true, deletion: false }),
    ({ tensors, measures, warnings: doubts }) => {
      const undefinedRanks = doubts.find(({ code }) => code === "no-ranks");
      if (undefinedRanks) {
        sanity.textContent = undefinedRanks.message;
        return;
      }
      const found = Array.from(/** @type {Tensor} */ (tensors.get("sanity")).values);
      // Two rows of rank correlations: of the values and of their magnitudes, from the last layer reset
      // to all layers reset.
      const last = found[found.length - 1];
      sanity.textContent =
        `With all layers reset to random weights, the magnitudes of the map correlate ${formatNumber(last, 2)} with those of the trained ` +
        `network (${found.slice(found.length / 2).map((one) => formatNumber(one, 2)).join(", ")} as layers are reset from the last to the ` +
        `first), over the ${measures.get("sanity_pixels")} pixels that differ from the baseline. ${Math.abs(last) < 0.3 ? "The map depends on what was learned." : "Part of this order does not depend on what was learned."}`;
    },
    (error) => (sanity.textContent = error.message),
  );

  /** @param {Answer} answer */
  function render({ tensors, measures, warnings: doubts }) {
    map.tensor = /** @type {Tensor} */ (tensors.get("attribution"));
    if (image.answer) over.show(image.answer.input.pixels);
    const curves = ["deletion", "deletion_random"].flatMap((name) => tensors.get(name) ?? []);
    checks.hidden = curves.length < 2;
    if (curves.length === 2) showDeletion(curves, Number(measures.get("faithfulness")));
    showFacts(factsOf(measures));
    const shown = doubts.filter(({ code }) => ABOUT_THE_MAP.includes(code));
    warnings.replaceChildren(...shown.map(({ message }) => make("p", { class: "warning" }, message)));
    if (isUserChange) announce(`Attribution of ${measures.get("target")} is shown.`);
    isUserChange = false;
  }

  /** @param {Tensor[]} curves @param {number} gain */
  function showDeletion(curves, gain) {
    const names = Array.from(curves[0].values, (_, at) => `${5 * at} %`);
    chart.show(
      [
        { name: "map’s order", values: curves[0].values },
        { name: "random order", values: curves[1].values },
      ],
      { unit: "deleted", names },
    );
    verdict.textContent =
      gain > 0
        ? `In the map’s order the logit is lower than in random order (by ${formatNumber(gain, 2)} on average): the order is better than chance.`
        : `In the map’s order the logit is not lower than in random order (${formatNumber(gain, 2)} on average): do not trust this map.`;
  }

  /** @param {Answer["measures"]} measures */
  function factsOf(measures) {
    const parts = [`target ${measures.get("target")}`];
    if (measures.has("delta")) {
      const [of, from, delta] = ["f_input", "f_baseline", "delta"].map((name) => formatNumber(Number(measures.get(name)), 3));
      parts.push(`logit ${of} for the picture, ${from} for the baseline`, `error of the sum ${delta}`);
    }
    if (measures.get("all_nonpositive")) parts.push("no positive values for the target");
    return parts.join(" · ");
  }

  function update() {
    const name = methodOf(store.state);
    explanation.textContent = `${EXPLANATIONS[name] ?? ""} Blue raises the logit of the target, red lowers it.`;
    layer.hidden = !CAMS.includes(name);
    baseline.hidden = !WITH_BASELINE.includes(name);
    // An answer with other values of the same picture, such as exact ones, leaves the check as it is.
    if (sanity.textContent && question() !== checked) {
      sendCheck.cancel();
      sanity.textContent = "";
    }
    // It resets the served weights.
    check.hidden = !hasParameter(model, "attribution", "sanity") || checkpointOf(model, store.state) !== null;
    if (image.answer) void send();
  }

  check.addEventListener("click", () => {
    checked = question();
    sanity.textContent = "Computing …";
    void sendCheck();
  });
  store.on(["method", "target", "against", "camLayer", "baseline"], () => {
    isUserChange = true;
    update();
  });
  isUserChange = false;
  image.onAnswer(update);
}
