/** What if: the network with some channels edited, beside the network as it is. */

import { make } from "/sdk/dom.js";
import { formatNumber } from "/sdk/number-format.js";
import { probabilityBars } from "../probability-bars.js";
import { latestRequest } from "../latest-request.js";
import { COMPILING, retryWhileCompiling } from "../retry.js";
import { chosen } from "./channel-picker.js";
import { postedEdits, readEdits, saidOf, writeEdits } from "./channel-edits.js";
import { VectorBars } from "./vector-bars.js";

/** @typedef {import("/sdk/client.js").Answer} Answer */
/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

const OPERATIONS = /** @type {const} */ ([
  ["zero", "Switch it off"],
  ["mean", "Set it to its mean"],
  ["scale", "Double it"],
]);

/**
 * Fill the panel `what-if`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-digit.js").Digit} digit
 */
export function mountWhatIf({ lightwell, store, cnn, announce }, digit) {
  const body = /** @type {HTMLElement} */ (document.getElementById("what-if-body"));
  const name = make("span", { class: "number" });
  const buttons = OPERATIONS.map(([operation, text]) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      const { layer, channel } = chosen(cnn, store.state);
      const edit = { layer: layer.name, channel, operation, amount: 2 };
      store.set({ edits: writeEdits([...readEdits(store.state.edits, cnn), edit]) });
    });
    return button;
  });
  const list = make("div", { class: "chips", role: "group", "aria-label": "Edits" });
  const clear = make("button", { type: "button" }, "Undo all");
  clear.addEventListener("click", () => store.set({ edits: "" }));
  const trouble = make("p", { class: "warning", hidden: true });
  const sides = ["as it is", "edited"].map((title) => {
    const place = make("div");
    const bars = probabilityBars(place, cnn.classes);
    return { bars, element: make("section", {}, make("h3", {}, title), place) };
  });
  const story = make("p", { class: "explain", role: "status" });
  const sweepTitle = make("h3");
  const sweep = new VectorBars("What the answer loses without each channel", (channel) => store.set({ channel }));
  body.replaceChildren(
    make("div", { class: "row" }, make("span", {}, "Channel ", name, ":"), ...buttons),
    make("div", { class: "row" }, list, clear),
    trouble,
    make("div", { class: "what-if-pair" }, ...sides.map(({ element }) => element)),
    story,
    sweepTitle,
    sweep.element,
  );

  /** @type {{ layer: string, values: ArrayLike<number>, target: string } | null} */
  let swept = null;
  let asked = "";
  /** Whether somebody has just edited something: only then is the answer said aloud. */
  let isChosen = false;

  /** @param {Error} error */
  function fail(error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
  }
  const wait = () => fail(new Error(COMPILING));

  const ask = latestRequest(
    (/** @type {{ pixels: number[][], edits: import("./channel-edits.js").Edit[] }} */ { pixels, edits }, signal) => {
      const beside = { edits: postedEdits(edits) };
      const question = { input: pixels, parameters: { preprocess: "none", layers: "logits" }, beside, signal };
      return retryWhileCompiling(() => lightwell.ask("cnn", "intervene", question), signal, wait);
    },
    (answer, { edits }) => {
      trouble.hidden = true;
      show(answer, edits.length);
    },
    fail,
  );

  const askSweep = latestRequest(
    (/** @type {{ pixels: number[][], layer: string }} */ { pixels, layer }, signal) => {
      const question = { input: pixels, parameters: { preprocess: "none", layer }, signal };
      return retryWhileCompiling(() => lightwell.ask("cnn", "sweep", question), signal, wait);
    },
    ({ tensors, measures }, { layer }) => {
      trouble.hidden = true;
      const effect = /** @type {Tensor} */ (tensors.get("effect"));
      swept = { layer, values: effect.values, target: String(measures.get("target")) };
      render();
    },
    fail,
  );

  /** @param {Answer} answer @param {number} count */
  function show({ tensors }, count) {
    const [logits, probabilities] = ["logits", "probabilities"].map((one) => /** @type {Tensor} */ (tensors.get(one)));
    const answers = sides.map(({ bars }, run) => {
      const at = (/** @type {Tensor} */ tensor) => Array.from(tensor.values).slice(10 * run, 10 * run + 10);
      const shares = at(probabilities);
      const label = shares.indexOf(Math.max(...shares));
      bars.update({ label, name: cnn.classes[label], probabilities: shares, logits: at(logits) });
      return { label, logits: at(logits) };
    });
    const [before, after] = answers;
    const change = after.logits[before.label] - before.logits[before.label];
    const seen = `The logit of ${cnn.classes[before.label]} changes by ${formatNumber(change, 3)}`;
    story.textContent = !count
      ? "Choose a channel above, and switch it off."
      : before.label === after.label
        ? `${seen}; the answer stays ${cnn.classes[after.label]}.`
        : `${seen}, and the answer turns from ${cnn.classes[before.label]} to ${cnn.classes[after.label]}.`;
    if (isChosen) announce(story.textContent);
    isChosen = false;
  }

  function render() {
    const { layer, channel } = chosen(cnn, store.state);
    name.textContent = `${layer.name} ${channel}`;
    const edits = readEdits(store.state.edits, cnn);
    list.replaceChildren(
      ...edits.map((edit, at) => {
        const said = saidOf(edit);
        const chip = make("button", { type: "button", class: "chip", "aria-label": `Undo: ${said}` }, `${said} ×`);
        chip.addEventListener("click", () => store.set({ edits: writeEdits(edits.filter((_, one) => one !== at)) }));
        return chip;
      }),
    );
    clear.hidden = !edits.length;
    const isSwept = swept?.layer === layer.name;
    sweepTitle.textContent = swept ? `What the logit of ${swept.target} loses without each channel of ${swept.layer}` : "";
    sweep.element.hidden = !isSwept;
    if (swept && isSwept) sweep.show(swept.values, { selected: channel, dtype: "float32", unit: "channel" });
  }

  function update() {
    render();
    if (!digit.answer) return;
    const { pixels } = digit.answer.input;
    void ask({ pixels, edits: readEdits(store.state.edits, cnn) });
  }

  /** The sweep takes some hundred rows: asked once for a digit and a layer. */
  function sweepAgain() {
    render();
    if (!digit.answer) return;
    const layer = chosen(cnn, store.state).layer.name;
    const { pixels } = digit.answer.input;
    const question = layer + JSON.stringify(pixels);
    if (question === asked) return;
    asked = question;
    void askSweep({ pixels, layer });
  }

  store.on(["edits"], () => {
    isChosen = true;
    update();
  });
  isChosen = false;
  store.on(["layer", "channel"], sweepAgain);
  digit.onAnswer(() => {
    update();
    sweepAgain();
  });
}
