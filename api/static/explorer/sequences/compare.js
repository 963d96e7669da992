/** Comparison: the page's sequence, unit, weights and network as side A, and one of these exchanged as side B. */

import { colourMaps } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { GateTrace } from "../../sdk/gate-trace.js";
import { laneTitle } from "../../sdk/trace-lane-data.js";
import { AnswerTable } from "../compare/answer-table.js";
import { comparisonFiles } from "../compare/comparison-files.js";
import { checkpointChoice, networkChoice, networkOf, otherNetworks } from "../compare/other-weights.js";
import { wayOf, waysToCompare } from "../compare/ways.js";
import { part } from "../context.js";
import { latestRequest } from "../latest-request.js";
import { alphabetOf } from "../model-facts.js";
import { stateSelect } from "../state-select.js";
import { ANSWER, compared, laneAnswer, laneOf, lanePictures } from "./compared-lanes.js";
import { otherRun, otherUnit } from "./other-run.js";
import { otherSequenceControls, otherUnitControls } from "./other-run-controls.js";
import { laneNames, recurrentLayers } from "./recurrent-layers.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("./other-run.js").CurrentRun} CurrentRun */
/** @typedef {import("./other-run.js").Side} Side */
/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

/** State values that B depends on, beside A. */
const OF_B = /** @type {const} */ (["sequenceCompareBy", "otherSequence", "otherUnit", "otherSequenceCheckpoint", "otherSequenceModel"]);

/** Steps from which on a printed sequence is in small type. */
const LONG = 400;

/**
 * Fill the panel `sequence-compare`.
 * @param {Context} context
 * @param {CurrentRun} run
 */
export async function mountSequenceCompare(context, run) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, "sequence-compare-body");
  const tables = await colourMaps(lightwell);
  const ways = waysOf(context);
  const values = [...laneNames(model).map((name) => /** @type {const} */ ([name, laneTitle(name).title])), /** @type {const} */ ([ANSWER, "Answer so far"])];
  const usual = usualValue(model);
  const note = make("p", { role: "status" });
  const texts = make("div", { class: "compared-sequences number" });
  const trace = new GateTrace();
  const title = make("h3");
  const answers = new AnswerTable();
  const lanes = make("div", { class: "compare-results" }, stateSelect(store, "comparedValue", "Value", values, usual), note, texts, trace);
  const comparison = make("div", { class: "compare-shown is-lanes", hidden: true }, lanes, make("div", { class: "compare-answers" }, title, answers.element));
  body.replaceChildren(waysToCompare(store, "sequenceCompareBy", ways, { otherUnit: -1 }), comparison);

  /** @type {Side | null} */
  let other = null;
  /** @type {ReturnType<typeof compared> | null} */
  let sides = null;
  /** Request of the last answer of B, or of the pending one. @type {unknown[]} */
  let lastQuery = [];
  const files = comparisonFiles(() => ({
    tensor: sides?.difference ?? null,
    sides: /** @type {Record<string, Tensor>} */ (sides ? { A: sides.A, B: sides.B } : {}),
    parts: sides && trace.answer ? lanePictures(trace.answer, tables) : [],
    isWide: true,
  }));
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  panel.querySelector("header")?.append(files);

  const send = latestRequest(
    context,
    (/** @type {string} */ by, signal) => otherRun(context, run, by, signal),
    (answered) => {
      other = answered;
      render();
      announce(`B, ${answered.says}: the network predicts ${answered.answer.prediction.name}.`);
    },
    (error) => {
      lastQuery = [];
      note.textContent = error.message;
      comparison.hidden = false;
    },
    comparison,
  );

  /** Request B, unless what it depends on is that of the last request. */
  function update() {
    if (!run.answer || panel.hidden) return;
    const { by } = wayOf(ways, store.state.sequenceCompareBy);
    const query = [run.answer, JSON.stringify([OF_B.map((key) => store.state[key]), run.parameters])];
    if (query.every((part, at) => part === lastQuery[at])) return;
    lastQuery = query;
    void send(by);
  }

  function render() {
    const first = run.answer;
    comparison.hidden = !first || !other;
    if (!first || !other) return;
    const { by, answer, model: network, says } = other;
    title.textContent = by === "unit" ? `One run, whose answer is ${first.prediction.name}` : `A: ${first.prediction.name}. B, ${says}: ${answer.prediction.name}`;
    answers.show({ prediction: first.prediction, classes: model.classes }, { prediction: answer.prediction, classes: network.classes });
    answers.element.hidden = by === "unit";
    texts.classList.toggle("is-long", first.input.sequence.length > LONG);
    texts.replaceChildren(...(by === "input" && alphabetOf(model).length ? sequenceLines(first, answer) : []));
    showLanes(first, other);
  }

  /** @param {Answer} first @param {Side} second */
  function showLanes(first, second) {
    const { comparedValue, unit } = store.state;
    const value = values.some(([name]) => name === comparedValue) ? comparedValue : usual;
    const { by, answer, model: network } = second;
    const isOne = by === "unit" || by === "network";
    const label = model.classes.length === 2 ? 1 : first.prediction.label;
    const otherLabel = network.classes.indexOf(model.classes[label]);
    const one = laneOf(first, value, { unit: isOne ? unit : null, label });
    const two = otherLabel < 0 && value === ANSWER ? null : laneOf(answer, valueIn(answer, value, network), { unit: isOne ? otherUnit(by, network, store.state) : null, label: otherLabel });
    sides = one && two ? compared(one, two) : null;
    trace.hidden = !sides;
    note.textContent = noteOf(second, value, one !== null, two !== null);
    if (!sides) return;
    const longer = [first, answer].reduce((most, each) => (each.input.sequence.length > most.input.sequence.length ? each : most));
    const shown = laneAnswer(sides, value, longer);
    trace.values = Array.from(shown.tensors.keys()).join(",");
    trace.answer = shown;
    follow();
  }

  /** @param {Side} second @param {string} value @param {boolean} hasOne @param {boolean} hasTwo */
  function noteOf({ by, model: network, says, answer }, value, hasOne, hasTwo) {
    const name = laneTitle(value).title.toLowerCase();
    if (!hasOne) return `This layer has no unit ${store.state.unit}: choose another one.`;
    if (!hasTwo && value === ANSWER) return `${says} has other classes: the answers are compared by their names.`;
    if (!hasTwo) return `B has no ${name}: choose another value. The answers are compared all the same.`;
    if (by === "unit" && value === ANSWER) return "The answer is that of the whole network: both units have it in common.";
    if (by === "unit" || (by === "network" && value !== ANSWER)) {
      const units = `A is unit ${store.state.unit}, B is unit ${otherUnit(by, network, store.state)}.`;
      return by === "unit" ? units : `${units} Units of two networks have no common order.`;
    }
    const [steps, others] = [run.answer, answer].map((one) => one?.input.sequence.length ?? 0);
    return steps === others ? "" : `B − A has the first ${Math.min(steps, others)} steps, which both sequences have.`;
  }

  function follow() {
    const { step, unit } = store.state;
    trace.step = step;
    trace.unit = unit;
  }

  trace.addEventListener("lw-step", (event) => store.set({ step: /** @type {CustomEvent} */ (event).detail.step }));
  trace.addEventListener("lw-unit", (event) => store.set({ unit: /** @type {CustomEvent} */ (event).detail.unit }));
  store.on(["step", "unit"], follow);
  store.on(["comparedValue", "unit", "otherUnit"], render);
  store.on([...OF_B, "sequencePanel"], update);
  run.onAnswer(() => {
    render();
    update();
  });

  /** Both sequences, with the steps marked that differ. @param {Answer} first @param {Answer} second */
  function sequenceLines(first, second) {
    const [one, two] = [first, second].map(({ input }) => Array.from(/** @type {string | string[]} */ (input.sequence)));
    const line = (/** @type {string} */ name, /** @type {string[]} */ steps, /** @type {string[]} */ others) =>
      make("div", {}, `${name} `, ...steps.map((step, at) => (step === others[at] ? step : make("mark", {}, step))));
    return [line("A", one, two), line("B", two, one)];
  }
}

/** Value that is compared at first: the cell state, or the first state. @param {import("../context.js").Model} model */
function usualValue(model) {
  const all = recurrentLayers(model).flatMap(({ values }) => values);
  return (all.find(({ kind }) => kind === "cell") ?? all.find(({ kind }) => kind === "hidden"))?.name ?? laneNames(model)[0] ?? ANSWER;
}

/** Name of a value in the answer of another network: the same, or that of its first recurrent layer. @param {Answer} answer @param {string} value @param {import("../context.js").Model} network */
function valueIn(answer, value, network) {
  if (value === ANSWER || answer.tensors.has(value)) return value;
  return recurrentLayers(network)[0]?.tensor(value.slice(value.lastIndexOf(".") + 1)) ?? value;
}

/** Ways to compare that a network has: with other weights only where there are some. @param {Context} context */
function waysOf(context) {
  const { model, store } = context;
  const row = (/** @type {HTMLElement[]} */ ...controls) => make("div", { class: "row" }, ...controls);
  const unitOf = (/** @type {string} */ by, /** @type {() => import("../context.js").Model} */ network) => otherUnitControls(context, by, network);
  const ways = [
    { by: "input", name: "Another sequence", says: "All units for two sequences. At first B differs in the first step alone.", controls: otherSequenceControls(context) },
    { by: "unit", name: "Another unit", says: "Two units for the same sequence.", controls: row(unitOf("unit", () => model)) },
  ];
  if (model.checkpoints.length) {
    ways.push({ by: "checkpoint", name: "Another checkpoint", says: "All units with the weights of another time of the training.", controls: checkpointChoice(context, "otherSequenceCheckpoint") });
  }
  if (otherNetworks(context).length) {
    const network = () => networkOf(context, store.state.otherSequenceModel);
    ways.push({ by: "network", name: "Another network", says: "One unit of each network, for the same sequence.", controls: row(networkChoice(context, "otherSequenceModel"), unitOf("network", network)) });
  }
  return ways;
}
