/** Why: which pixels count for the answer, by the method of one's choice, and whether to believe it. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { TensorHeatmap } from "/sdk/tensor-heatmap.js";
import { stateSelect } from "../state-select.js";
import { downloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { LineChart } from "../line-chart.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

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

/** What each map says, in a sentence. */
const STORIES = /** @type {Record<string, string>} */ ({
  integrated_gradients:
    "The gradient added up on the way from the baseline to the picture. The map adds up to what the picture gains over the baseline.",
  gradient: "How much the logit would change with a little more ink at each pixel.",
  gradient_x_input: "The gradient times the ink that is there: what each pixel gives, to first order.",
  smoothgrad: "The gradient, averaged over noisy copies of the picture.",
  grad_cam: "The maps of a layer, each weighed by its mean gradient, added up.",
  hirescam: "The maps of a layer times their gradient, place by place, added up.",
  layer_cam: "The maps of a layer times the positive part of their gradient, added up.",
  occlusion: "What the logit loses when a window of 5 × 5 pixels is covered.",
});
const CAMS = ["grad_cam", "hirescam", "layer_cam"];
const WITH_BASELINE = ["integrated_gradients", "occlusion"];

/**
 * Fill the panel `why`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-digit.js").Digit} digit
 */
export function mountWhy({ lightwell, store, cnn, announce }, digit) {
  const body = /** @type {HTMLElement} */ (document.getElementById("why-body"));
  const digits = cnn.classes.map((name, at) => /** @type {const} */ ([at, name]));
  const method = stateSelect(store, "method", "Method", [...METHODS]);
  const target = stateSelect(store, "target", "Why", [[-1, "what it sees"], ...digits]);
  const against = stateSelect(store, "against", "and not", [[-1, "(nothing)"], ...digits]);
  const layers = cnn.layers.filter(({ receptive_field: field }) => field);
  const layer = stateSelect(store, "camLayer", "Layer", layers.map(({ name }) => [name, name]));
  const baseline = stateSelect(store, "baseline", "Baseline", [
    ["black", "black"],
    ["white", "white"],
    ["mean", "mean digit"],
    ["blur", "blurred"],
  ]);
  const check = make("button", { type: "button" }, "Check with reset weights");
  const story = make("p", { class: "explain" });
  const map = new TensorHeatmap();
  map.setAttribute("label", "Attribution of each pixel");
  const facts = make("p", { class: "number quiet" });
  const chart = new LineChart("The logit while ink is deleted");
  const verdict = make("p", { class: "explain" });
  const sanity = make("p", { class: "explain", role: "status" });
  body.replaceChildren(
    make("div", { class: "row choices" }, target, against, method, layer, baseline),
    story,
    make(
      "div",
      { class: "why-shown" },
      make("div", {}, map, facts),
      make("div", {}, make("h3", {}, "Delete ink in the map’s order"), chart.element, verdict, check, sanity),
    ),
  );

  const parameters = () => {
    const state = store.state;
    const isCam = CAMS.includes(state.method);
    return {
      method: state.method,
      target: state.target < 0 ? null : state.target,
      against: state.against < 0 || state.against === state.target ? null : state.against,
      layer: isCam ? state.camLayer : null,
      baseline: WITH_BASELINE.includes(state.method) ? state.baseline : null,
    };
  };
  const describe = () => digit.describe("attribution", { cmap: null, range: null, ...parameters() });
  body.closest(".panel")?.querySelector("header")?.append(downloads(describe));

  /** Whether somebody has just chosen something here: only then is the answer said aloud. */
  let isChosen = false;

  /** @param {string} text */
  const say = (text) => {
    facts.textContent = text;
  };
  const wait = () => say(COMPILING);

  /** @param {AbortSignal} signal @param {Record<string, any>} [more] */
  const question = async (signal, more = {}) => {
    const { input, parameters } = describe();
    const asked = { input, parameters: { ...parameters, ...more }, signal };
    return retryWhileCompiling(() => lightwell.ask("cnn", "attribution", asked), signal, wait);
  };

  const ask = latestRequest((/** @type {void} */ _, signal) => question(signal), render, (error) => say(error.message));

  const checkAgain = latestRequest(
    (/** @type {void} */ _, signal) => question(signal, { sanity: true, deletion: false }),
    ({ tensors }) => {
      const found = Array.from(/** @type {Tensor} */ (tensors.get("sanity")).values);
      // Two rows: of the values, of their magnitudes; from the last layer to all of them.
      const last = found[found.length - 1];
      sanity.textContent =
        `With every layer drawn anew, the map’s magnitudes correlate ${formatNumber(last, 2)} with those of the trained ` +
        `network (${found.slice(5).map((one) => formatNumber(one, 2)).join(", ")} as layers are reset from the last to the ` +
        `first). ${Math.abs(last) < 0.3 ? "It depends on what was learned." : "Much of it does not depend on what was learned."}`;
    },
    (error) => (sanity.textContent = error.message),
  );

  /** @param {Answer} answer */
  function render({ tensors, measures }) {
    map.tensor = /** @type {Tensor} */ (tensors.get("attribution"));
    const curves = ["deletion", "deletion_random"].map((name) => /** @type {Tensor} */ (tensors.get(name)));
    const names = Array.from(curves[0].values, (_, at) => `${5 * at} %`);
    chart.show(
      [
        { name: "map’s order", values: curves[0].values },
        { name: "random order", values: curves[1].values },
      ],
      { unit: "deleted", names },
    );
    const gain = Number(measures.get("faithfulness"));
    verdict.textContent =
      gain > 0
        ? `The logit falls faster than in random order (by ${formatNumber(gain, 2)} on the mean): these pixels do count.`
        : `The logit does not fall faster than in random order (${formatNumber(gain, 2)} on the mean): do not trust this map here.`;
    say(factsOf(measures));
    if (isChosen) announce(`Attribution of ${measures.get("target")} is shown.`);
    isChosen = false;
  }

  /** @param {Answer["measures"]} measures */
  function factsOf(measures) {
    const parts = [`target ${measures.get("target")}`];
    if (measures.has("delta")) {
      const [of, from, delta] = ["f_input", "f_baseline", "delta"].map((name) => formatNumber(Number(measures.get(name)), 3));
      parts.push(`logit ${of} here, ${from} at the baseline`, `missing from the sum ${delta}`);
    }
    if (measures.get("all_nonpositive")) parts.push("nothing speaks for the target here");
    return parts.join(" · ");
  }

  function update() {
    const { method: name } = store.state;
    story.textContent = `${STORIES[name] ?? ""} Blue speaks for the target, red against it.`;
    layer.hidden = !CAMS.includes(name);
    baseline.hidden = !WITH_BASELINE.includes(name);
    sanity.textContent = "";
    if (digit.answer) void ask();
  }

  check.addEventListener("click", () => {
    sanity.textContent = "Asking …";
    void checkAgain();
  });
  store.on(["method", "target", "against", "camLayer", "baseline"], () => {
    isChosen = true;
    update();
  });
  isChosen = false;
  digit.onAnswer(update);
}
