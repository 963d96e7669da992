/** Cell arithmetic: the equations of one unit's new cell and hidden state, with the values of one step. */

import { make } from "../../sdk/dom.js";
import { formatNumber, formatPercent } from "../../sdk/number-format.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { exactNumber } from "../exact-number.js";
import { hasProbe, stepNoun } from "../model-facts.js";
import { probabilityBars } from "../probability-bars.js";
import { roundedSum } from "../rounded-sum.js";
import { stateSelect } from "../state-select.js";
import { chosenLayer, recurrentLayers } from "./recurrent-layers.js";
import { sequenceView } from "./sequence-view.js";

/** @typedef {import("../../sdk/client.js").Answer} Answer */

const DECIMALS = 4;

/** @typedef {import("./recurrent-layers.js").RecurrentLayer} RecurrentLayer */
/** @typedef {{ name: string, symbol: string, title: string, says: (share: number) => string }} Gate */

/** Gates and candidate of each cell, in the order of its equations. @type {Record<RecurrentLayer["cell"], Gate[]>} */
const GATES = {
  lstm: [
    {
      name: "forget_gate",
      symbol: "f",
      title: "forget",
      says: (share) => `keeps ${formatPercent(share)} of the cell state`,
    },
    {
      name: "input_gate",
      symbol: "i",
      title: "input",
      says: (share) => `writes ${formatPercent(share)} of the candidate`,
    },
    {
      name: "candidate",
      symbol: "g",
      title: "candidate",
      says: (value) => (value < 0 ? "would lower the cell state" : "would raise the cell state"),
    },
    {
      name: "output_gate",
      symbol: "o",
      title: "output",
      says: (share) => `reads out ${formatPercent(share)} of the cell state`,
    },
  ],
  gru: [
    {
      name: "reset_gate",
      symbol: "r",
      title: "reset",
      says: (share) => `the candidate reads ${formatPercent(share)} of the past`,
    },
    {
      name: "update_gate",
      symbol: "z",
      title: "update",
      says: (share) => `keeps ${formatPercent(share)} of the hidden state`,
    },
    {
      name: "candidate",
      symbol: "n",
      title: "candidate",
      says: (value) => (value < 0 ? "would lower the hidden state" : "would raise the hidden state"),
    },
  ],
  rnn: [],
};

/**
 * Fill the panel `cell-arithmetic`.
 * @param {import("../context.js").Context} context
 */
export function cellArithmetic(context) {
  const { store, model } = context;
  const body = part(context, "cell-arithmetic-body");
  const noun = stepNoun(model);
  const layers = recurrentLayers(model);
  const numbers = make("div", { class: "cell-numbers" });
  const barsPlace = make("div", { class: "step-bars" });
  const bars = probabilityBars(barsPlace, model.classes);
  const soFar = make("section", {}, make("h3", {}, "If the sequence ended here"), barsPlace);
  const choice = layers.length > 1 ? [stateSelect(store, "recurrent", "Layer", layers.map(({ name }) => [name, name]))] : [];
  const parts = stepParts(context, () => current, numbers);
  body.replaceChildren(...choice, ...parts.elements, numbers, soFar);
  addDownloads(body, describe);
  /** @type {Answer | null} */
  let current = null;

  /** @returns {import("../context.js").View} */
  function describe() {
    const { step, unit, palette } = store.state;
    const layer = chosenLayer(model, store.state);
    const values = [...layer.values.map(({ name }) => name), "logits"];
    return sequenceView(context, "trace", { values, steps: [step], units: [unitIn(layer, unit)], cmap: palette });
  }

  /**
   * @param {Answer} answer
   * @param {number} step
   * @param {number} unit
   */
  function update(answer, step, unit) {
    current = answer;
    parts.update();
    soFar.hidden = step === 0;
    if (step === 0) {
      numbers.replaceChildren(
        make(
          "p",
          {},
          `Before the first ${noun}, ${layers.some(({ cell }) => cell === "lstm") ? "cell state and hidden state are" : "the hidden state is"} zero. ` +
            `Go to the next step to see the first ${noun}.`,
        ),
      );
      return;
    }
    const layer = chosenLayer(model, store.state);
    const shown = unitIn(layer, unit);
    const values = valuesOf(answer, layer, step, shown);
    const input = answer.input.sequence[step - 1];
    const equations = layer.cell === "lstm" ? [...cellEquation(values), ...hiddenEquation(values)] : layer.cell === "gru" ? gruEquation(values) : rnnValue(values);
    numbers.replaceChildren(
      make(
        "p",
        { class: "cell-place" },
        "Step ",
        number(step),
        ` reads ${noun} `,
        number(Array.isArray(input) ? input.map((value) => formatNumber(value)).join(", ") : input),
        " in unit ",
        number(shown),
      ),
      make("ul", { class: "gates" }, ...GATES[layer.cell].map((gate) => gateRow(gate, values.gates[gate.name]))),
      ...equations,
    );
    bars.update(predictionAt(answer, step, model.classes));
  }
  return { update };
}

/**
 * Button that opens the parts of an LSTM's step, one after another, in place of its numbers; they are loaded when it is first pressed.
 * @param {import("../context.js").Context} context
 * @param {() => Answer | null} current
 * @param {HTMLElement} numbers
 */
function stepParts(context, current, numbers) {
  const { store, model } = context;
  const place = make("div", { class: "body step-forward", hidden: true });
  const button = make("button", { type: "button", class: "step-open" });
  /** @type {Promise<import("./forward/step-panel.js").StepPanel> | null} */
  let panel = null;
  const leave = () => {
    store.set({ part: -1 });
    button.focus();
  };
  const open = async () => {
    store.set({ part: 0, step: Math.max(store.state.step, 1) });
    (await panel)?.focus();
  };
  button.addEventListener("click", () => (store.state.part < 0 ? void open() : leave()));
  store.on(["part", "recurrent"], (state) => {
    const [first] = recurrentLayers(model);
    const isOffered = first.cell === "lstm" && chosenLayer(model, state).name === first.name && model.details.encoding === "number" && hasProbe(model, "weights");
    const isOpen = isOffered && state.part >= 0;
    button.hidden = !isOffered;
    button.textContent = isOpen ? "Close" : "▶ Step through it";
    place.hidden = !isOpen;
    numbers.hidden = isOpen;
    if (isOpen) panel ??= import("./forward/step-panel.js").then(({ mountStepPanel }) => mountStepPanel(context, place, current, leave));
    else void panel?.then(({ pause }) => pause());
  });
  return { elements: [make("div", {}, button), place], update: () => void panel?.then(({ update }) => update()) };
}

/** Unit of a layer that is shown for the followed one: layers of a stack have different numbers of units. @param {RecurrentLayer} layer @param {number} unit */
export function unitIn({ units }, unit) {
  return Math.min(unit, units - 1);
}

/**
 * @typedef {object} StepValues
 * @property {Record<string, number>} gates By name of the tensor.
 * @property {number} before Cell state before the step.
 * @property {number} cell
 * @property {number} hiddenBefore
 * @property {number} hidden
 */

/**
 * @param {Answer} answer
 * @param {RecurrentLayer} layer
 * @param {number} step From 1 on.
 * @param {number} unit
 * @returns {StepValues}
 */
export function valuesOf({ tensors }, layer, step, unit) {
  const at = (/** @type {string} */ name, /** @type {number} */ row) => tensors.get(layer.tensor(name))?.at(row, unit) ?? NaN;
  // Row 0 of a state is step 0, the initial state; row 0 of a gate is step 1.
  const gates = Object.fromEntries(GATES[layer.cell].map(({ name }) => [name, at(name, step - 1)]));
  return { gates, before: at("cell", step - 1), cell: at("cell", step), hiddenBefore: at("hidden", step - 1), hidden: at("hidden", step) };
}

/** @param {Gate} gate @param {number} value */
function gateRow({ symbol, title, says }, value) {
  const fill = make("span", { class: "gate-fill" });
  const isSigned = title === "candidate";
  // A gate, 0 to 1, fills from the left; the candidate, −1 to 1, fills from the middle.
  fill.style.left = isSigned ? `${50 + 50 * Math.min(0, value)}%` : "0";
  fill.style.width = `${(isSigned ? 50 : 100) * Math.abs(value)}%`;
  fill.classList.toggle("fewer", isSigned && value < 0);
  fill.classList.toggle("more", isSigned && value >= 0);
  return make(
    "li",
    {},
    make("span", { class: "gate-name" }, make("i", {}, symbol), ` ${title}`),
    make("span", { class: isSigned ? "gate-track signed" : "gate-track", "aria-hidden": "true" }, fill),
    exactNumber(value, "float32", fixed(value)),
    make("span", { class: "quiet gate-says" }, says(value)),
  );
}

/** @param {StepValues} values */
export function cellEquation({ gates, before, cell }) {
  const kept = gates.forget_gate * before;
  const written = gates.input_gate * gates.candidate;
  const { terms, total } = roundedSum([kept, written], cell, DECIMALS);
  const rounding = cell - (kept + written);
  return [
    make("h3", {}, "New cell state"),
    equation(
      "c",
      [symbols("f · c₋₁ + i · g")],
      [
        together(product(gates.forget_gate, before)),
        " + ",
        together(product(gates.input_gate, gates.candidate)),
      ],
      [
        named(exactNumber(kept, "float64", terms[0]), "kept"),
        " + ",
        named(exactNumber(written, "float64", bracketed(terms[1])), "written"),
      ],
      [make("strong", {}, exactNumber(cell, "float32", total))],
    ),
    make("p", { class: "quiet rounding" }, "rounding of float32 arithmetic: ", exactNumber(rounding, "float64")),
  ];
}

/** @param {StepValues} values */
export function hiddenEquation({ gates, cell, hidden }) {
  return [
    make("h3", {}, "New hidden state"),
    equation("h", [symbols("o · tanh(c)")], product(gates.output_gate, Math.tanh(cell), "float64"), [
      make("strong", {}, exactNumber(hidden, "float32", fixed(hidden))),
    ]),
  ];
}

/** @param {StepValues} values */
function gruEquation({ gates, hiddenBefore, hidden }) {
  const { update_gate: kept, candidate } = gates;
  const parts = [kept * hiddenBefore, (1 - kept) * candidate];
  const { terms, total } = roundedSum(parts, hidden, DECIMALS);
  const rounding = hidden - (parts[0] + parts[1]);
  return [
    make("h3", {}, "New hidden state"),
    equation(
      "h",
      [symbols("z · h₋₁ + (1 − z) · n")],
      [together(product(kept, hiddenBefore)), " + ", together(product(1 - kept, candidate))],
      [named(exactNumber(parts[0], "float64", terms[0]), "kept"), " + ", named(exactNumber(parts[1], "float64", bracketed(terms[1])), "written")],
      [make("strong", {}, exactNumber(hidden, "float32", total))],
    ),
    make("p", { class: "quiet rounding" }, "rounding of float32 arithmetic: ", exactNumber(rounding, "float64")),
  ];
}

/** A plain RNN has no gates: its hidden state is a function of one weighted sum. @param {StepValues} values */
function rnnValue({ hiddenBefore, hidden }) {
  return [
    make("h3", {}, "New hidden state"),
    equation("h", [make("strong", {}, exactNumber(hidden, "float32", fixed(hidden)))]),
    make("p", { class: "quiet" }, "It was ", exactNumber(hiddenBefore, "float32", fixed(hiddenBefore)), " before this step."),
  ];
}

/**
 * Write an equation, each form on a line below the one before.
 * @param {string} name Left side of the first line.
 * @param {...(Node | string)[]} lines
 */
function equation(name, ...lines) {
  const rows = lines.flatMap((line, at) => [
    make("span", { class: "left" }, ...(at ? [] : [symbols(name)])),
    make("span", {}, "="),
    make("span", { class: "right" }, ...line),
  ]);
  return make("div", { class: "equation number" }, ...rows);
}

/**
 * @param {number} left
 * @param {number} right
 * @param {string} [dtype] Of the right one.
 */
function product(left, right, dtype = "float32") {
  return [exactNumber(left, "float32", fixed(left)), " · ", exactNumber(right, dtype, bracketed(fixed(right)))];
}

/** Keep parts on one line. @param {(Node | string)[]} parts */
function together(parts) {
  return make("span", { class: "together" }, ...parts);
}

/** Put a negative number in brackets, as needed after an operator. @param {string} text */
function bracketed(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

/** @param {string} text */
function symbols(text) {
  return make("i", {}, text);
}

/** @param {Node} value @param {string} name */
function named(value, name) {
  return make("span", { class: "named" }, value, make("small", {}, name));
}

/** @param {number} value */
function fixed(value) {
  return roundedSum([value], value, DECIMALS).total;
}

/** @param {number | string} value */
function number(value) {
  return make("b", { class: "number" }, String(value));
}

/**
 * Prediction of the readout at a step.
 * @param {Answer} answer
 * @param {number} step From 1 on.
 * @param {string[]} classes
 * @returns {import("../../sdk/client.js").Prediction}
 */
export function predictionAt({ tensors }, step, classes) {
  const tensor = tensors.get("logits");
  const logits = Array.from(tensor?.slice(step - 1) ?? []);
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, one) => total + one, 0);
  const label = logits.indexOf(most);
  return {
    label,
    name: classes[label],
    probabilities: powers.map((one) => one / sum),
    logits,
  };
}
