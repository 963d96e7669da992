/** Comparison: the page's picture, channel, weights and network as side A, and one of these exchanged as side B. */

import { colourMaps } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { AnswerTable } from "../compare/answer-table.js";
import { checkpointChoice, networkChoice, networkOf, otherNetworks } from "../compare/other-weights.js";
import { wayOf, waysToCompare } from "../compare/ways.js";
import { part } from "../context.js";
import { latestRequest } from "../latest-request.js";
import { nounOf } from "../model-facts.js";
import { selectedChannel } from "./shown-layers.js";
import { ComparedMaps } from "./compared-maps.js";
import { differingChannels } from "./differing-channels.js";
import { otherChannelControls } from "./other-channel.js";
import { otherChannel, otherSide } from "./other-side.js";
import { PixelMap } from "./pixel-map.js";
import { secondPictureControls } from "./second-picture-controls.js";
import { hasSecond } from "./second-picture.js";

/** @typedef {import("../context.js").Context} Context */
/** @typedef {import("../../sdk/client.js").Answer} Answer */
/** @typedef {import("./current-image.js").CurrentImage} CurrentImage */
/** @typedef {import("./other-side.js").Side} Side */

/** State values that B depends on, beside A. */
const OF_B = /** @type {const} */ (["compareBy", "otherSample", "otherPixels", "otherLayer", "otherChannel", "otherCheckpoint", "otherModel"]);

/**
 * Fill the panel `compare`.
 * @param {Context} context
 * @param {CurrentImage} image
 */
export async function mountCompare(context, image) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, "compare-body");
  const tables = await colourMaps(lightwell);
  const noun = nounOf(model);
  const second = secondPictureControls(context, image);
  const ways = waysOf(context, second.element);
  const warning = make("p", { class: "warning", role: "status", hidden: true });
  const sides = ["A", "B"].map((name) => side(name, noun));
  const answers = new AnswerTable();
  const maps = new ComparedMaps(context, tables);
  const strip = differingChannels(context, tables);
  const pair = make("div", { class: "compare-pair" }, ...sides.map(({ element }) => element));
  const left = make("div", { class: "compare-answers" }, pair, answers.element);
  const missing = make("p", { role: "status" });
  const results = make("div", { class: "compare-results" }, missing, maps.element, strip.element);
  const comparison = make("div", { class: "compare-shown", hidden: true }, left, results);
  const cleared = { otherLayer: "", otherChannel: -1 };
  body.replaceChildren(waysToCompare(store, "compareBy", ways, cleared), warning, comparison);
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  panel.querySelector("header")?.append(maps.files);

  /** @type {Side | null} */
  let other = null;
  /** Request of the last answer of B, or of the pending one. @type {unknown[]} */
  let lastQuery = [];
  const way = () => wayOf(ways, store.state.compareBy).by;

  const send = latestRequest(
    context,
    (/** @type {string} */ by, signal) => otherSide(context, image, by, signal),
    (answered) => {
      other = answered;
      warn("");
      render();
      announce(`B, ${answered.says}: the network predicts ${answered.answer.prediction.name}.`);
    },
    (error) => {
      lastQuery = [];
      warn(error.message);
    },
    comparison,
  );

  /** @param {string} text Empty for no warning. */
  function warn(text) {
    warning.textContent = text;
    warning.hidden = !text;
  }

  /** Request B, unless what it depends on is that of the last request. */
  async function update() {
    if (!image.answer || panel.hidden) return;
    const by = way();
    if (by === "input") {
      await second.load();
      if (way() !== by) return; // another way was chosen meanwhile, and has its own request
      if (!hasSecond(store.state)) return warn(`Hold the current ${noun} as B, then choose another one to compare it with.`);
    }
    const names = Array.from(image.answer.tensors.keys());
    // Another picture has the same answer whichever A is.
    const { state } = store;
    const chosen = [OF_B.map((key) => state[key]), by === "network" ? state.layer : "", image.parameters, names];
    const query = [by === "input" ? null : image.answer, JSON.stringify(chosen)];
    if (query.every((part, at) => part === lastQuery[at])) return;
    lastQuery = query;
    await send(by);
  }

  function render() {
    const first = image.answer;
    comparison.hidden = !first || !other;
    maps.files.hidden = comparison.hidden;
    if (!first || !other) return;
    const { by, answer, model: network, says } = other;
    sides[0].show(first, "as the page shows it");
    sides[1].show(answer, says, by === "input");
    sides[1].element.hidden = by === "channel";
    answers.element.hidden = by === "channel";
    answers.show({ prediction: first.prediction, classes: model.classes }, { prediction: answer.prediction, classes: network.classes });
    showMaps(first, other);
    strip.element.hidden = by !== "input" && by !== "checkpoint";
    if (!strip.element.hidden) strip.show(first, answer);
  }

  /** @param {Answer} first @param {Side} second */
  function showMaps(first, { by, answer, model: network, says }) {
    const [one, two] = [selectedChannel(model, store.state), otherChannel(by, model, network, store.state)];
    const [tensor, otherTensor] = [first.tensors.get(one.layer.name), answer.tensors.get(two.layer?.name ?? "")];
    maps.element.hidden = !tensor || !otherTensor;
    missing.textContent = two.layer ? "" : `${says} has no layer ${one.layer.name}: choose one for B. The answers are compared all the same.`;
    if (!tensor || !otherTensor) return;
    const titles = [titleOf(tensor, one), titleOf(otherTensor, two)];
    const title = titles[0] === titles[1] ? titles[0] : `A: ${titles[0]}. B: ${titles[1]}`;
    maps.show({ tensor, channel: one.channel }, { tensor: otherTensor, channel: two.channel }, { title, isOne: by === "channel", isOwn: by === "channel" || by === "network" });
  }

  const failed = (/** @type {Error} */ error) => warn(error.message);
  store.on([...OF_B, "layer", "panel"], () => void update().catch(failed));
  store.on(["layer", "channel", "otherLayer", "otherChannel"], render);
  image.onAnswer(() => {
    render();
    update().catch(failed);
  });
}

/** Layer, and channel of one with maps. @param {import("../../sdk/tensor.js").Tensor} tensor @param {{ channel: number }} chosen */
function titleOf({ name, shape }, { channel }) {
  return shape.length === 3 ? `${name}, channel ${channel}` : name;
}

/**
 * Ways to compare that a network has: with other weights only where there are some.
 * @param {Context} context
 * @param {HTMLElement} second Controls of the second picture.
 */
function waysOf(context, second) {
  const { model, store } = context;
  const noun = nounOf(model);
  const row = (/** @type {HTMLElement[]} */ ...controls) => make("div", { class: "row" }, ...controls);
  const ways = [
    { by: "input", name: `Another ${noun}`, says: "The same channel for two inputs.", controls: second },
    {
      by: "channel",
      name: "Another channel",
      says: `Two channels for the same ${noun}. Blue is where B responds more, red where A does.`,
      controls: row(...otherChannelControls(context, "channel", () => model)),
    },
  ];
  if (model.checkpoints.length) {
    ways.push({
      by: "checkpoint",
      name: "Another checkpoint",
      says: `The same channel and ${noun} with the weights of another time of the training.`,
      controls: checkpointChoice(context, "otherCheckpoint"),
    });
  }
  if (otherNetworks(context).length) {
    const network = () => networkOf(context, store.state.otherModel);
    ways.push({
      by: "network",
      name: "Another network",
      says: "Two networks. Their channels have no common order: equal numbers mean nothing.",
      controls: row(networkChoice(context, "otherModel"), ...otherChannelControls(context, "network", network)),
    });
  }
  return ways;
}

/**
 * Make one side: its prediction, and the network's input.
 * @param {string} name
 * @param {string} noun
 */
function side(name, noun) {
  const picture = new PixelMap(`${noun[0].toUpperCase()}${noun.slice(1)} ${name} as the network sees it`);
  const [title, about] = [make("h3"), make("p", { class: "quiet" })];
  const element = make("section", { class: "compare-side" }, title, about, picture.element);
  /** @param {Answer} answer @param {string} says @param {boolean} [hasPicture] */
  function show({ input, prediction }, says, hasPicture = true) {
    title.textContent = `${name}: ${prediction.name}`;
    about.textContent = says;
    picture.element.hidden = !hasPicture;
    picture.showColours(input.pixels);
  }
  return { element, show };
}
