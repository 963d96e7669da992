/** Inspector: map of the selected channel, the value under the pointer and its receptive field. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { colourMaps, rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactDigits, formatNumber, formatPercent } from "../../sdk/number-format.js";
import { part } from "../context.js";
import { downloads } from "../downloads.js";
import { finderMenu } from "../finder-menu.js";
import { exactNumber } from "../exact-number.js";
import { imageInput, nounOf } from "../model-facts.js";
import { channelPicker } from "./channel-picker.js";
import { channelTensor } from "./channel-tensor.js";
import { denseView } from "./dense-view.js";
import { forwardButton } from "./forward-button.js";
import { kernelView } from "./kernel-view.js";
import { mountPixelArithmetic } from "./pixel-arithmetic.js";
import { PixelMap } from "./pixel-map.js";
import { describeBox, receptiveField } from "./receptive-field.js";
import { contrastingChannel, selectedChannel } from "./shown-layers.js";
import { stagesOf } from "./stages.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("./pixel-map.js").Place} Place */

/**
 * Fill the panels `inspector` and `arithmetic`.
 * @param {import("../context.js").Context} context
 * @param {import("./current-image.js").CurrentImage} image
 */
export async function mountInspector(context, image) {
  const { lightwell, store, model, announce } = context;
  const body = part(context, "inspector-body");
  const extent = imageInput(model);
  const noun = nounOf(model);
  const tables = await colourMaps(lightwell);
  const table = (/** @type {string} */ name) =>
    /** @type {import("../../sdk/colours.js").Table} */ (tables.get(name));
  const arithmetic = mountPixelArithmetic(context, image, tables);
  const kernel = kernelView(context, tables);
  const dense = denseView(context, tables);

  const map = new PixelMap("", { point, choose, leave: () => store.set({ y: -1, x: -1 }) });
  const input = new PixelMap("Input of the network; the box is the receptive field");
  const value = make("p", { class: "inspector-value" });
  const sees = make("p", { class: "quiet" });
  const stats = make("p", { class: "quiet inspector-stats" });
  const bar = new ColourBar();
  const opacity = make("input", { type: "range", min: "0", max: "100", value: "100" });
  const slider = make("label", { class: "row quiet" }, noun, opacity, "map");
  opacity.setAttribute("aria-label", `Opacity of the map over the ${noun}, in percent`);
  opacity.addEventListener("input", render);
  const mapFigure = make("figure", { class: "inspector-map" }, map.element, bar, slider);
  const inputFigure = make(
    "figure",
    { class: "inspector-input" },
    make("h3", {}, "What it sees"),
    input.element,
    sees,
  );
  const side = make("div", { class: "inspector-side" }, value, stats, inputFigure, kernel.element);
  const views = make("div", { class: "inspector-views" }, mapFigure, side);
  const about = make("p", { class: "quiet about-layer" });
  const silence = make("p", { role: "status" });
  const livelier = make("button", { type: "button" });
  const anyway = make("button", { type: "button" }, "Show its zeros");
  const silent = make("div", { class: "silent", hidden: true }, silence, make("div", { class: "row" }, livelier, anyway));
  const finder = finderMenu(context, "find", "channel", async () => (await import("./channel-questions.js")).channelQuestions(context, image));
  body.replaceChildren(make("div", { class: "row" }, forwardButton(context, image), finder), silent, views, dense.element, about);
  body.closest(".panel")?.querySelector("header")?.append(channelPicker(context), downloads(describe));

  /** @type {Place | null} */
  let pointed = null;

  /** Silent channel whose zeros are shown all the same. */
  let shownAnyway = "";

  /** Selected channel; null before the first answer that has its layer. */
  function current() {
    const { layer, channel } = selectedChannel(model, store.state);
    const tensor = image.answer?.tensors.get(layer.name);
    return image.answer && tensor ? { layer, channel, tensor, answer: image.answer } : null;
  }

  /** The pinned value; null where it lies outside this map. @param {Tensor} tensor @returns {Place | null} */
  function pinned({ shape }) {
    const { y, x } = store.state;
    return y >= 0 && x >= 0 && y < shape[1] && x < shape[2] ? { y, x } : null;
  }

  /** @param {Place | null} place @param {boolean} byKey */
  function point(place, byKey) {
    const selected = current();
    if (!selected) return;
    // When the pointer leaves, its last value stays on display to be read, unless a value is pinned.
    if (place || pinned(selected.tensor)) pointed = place;
    render();
    if (place && byKey)
      announce(`row ${place.y}, column ${place.x}: ${formatNumber(at(selected.tensor, selected.channel, place), 4)}`);
  }

  /** @param {Place} place */
  function choose(place) {
    const { y, x } = store.state;
    const isPinned = y === place.y && x === place.x;
    store.set(isPinned ? { y: -1, x: -1 } : place);
    announce(isPinned ? "Unpinned." : `Pinned: row ${place.y}, column ${place.x}.`);
  }

  function render() {
    const selected = current();
    if (!selected) return;
    const { layer, channel, tensor, answer } = selected;
    const hasPositions = tensor.shape.length === 3;
    describeLayer(layer.name);
    silent.hidden = !isSilent(selected);
    views.hidden = !hasPositions || !silent.hidden;
    dense.element.hidden = hasPositions;
    if (!hasPositions) {
      arithmetic.show(null);
      dense.update(layer, channel, answer);
      return;
    }
    const values = tensor.slice(channel);
    const range = rangeOf(tensor, channel);
    map.show({ ...range, values, width: tensor.shape[2], table: table(range.map) });
    map.lay(answer.input.pixels, Number(opacity.value) / 100);
    map.label = `Map of ${layer.name}, channel ${channel}: arrow keys choose a value, Enter pins it`;
    bar.range = range;
    input.showColours(answer.input.pixels);
    kernel.update(layer, channel, store.state.range);
    showStats(values, tensor.kind);

    const held = pinned(tensor);
    const place = pointed ?? held ?? peak(values, tensor.shape[2]);
    const field = receptiveField(layer, place.y, place.x, extent);
    map.at = place;
    map.mark([
      ...(held ? [{ box: boxOf(held), kind: /** @type {const} */ ("pinned") }] : []),
      { box: boxOf(place), kind: "pointed" },
    ]);
    input.mark([{ box: field, kind: "field" }]);
    const words = pointed || held ? "" : "largest value, ";
    value.replaceChildren(
      make("span", { class: "quiet" }, `${words}row ${place.y}, column ${place.x}`),
      exactNumber(at(tensor, channel, place), tensor.dtype, fullDigits(at(tensor, channel, place), tensor.dtype)),
    );
    const { receptive_field: rows, receptive_field_columns: columns } = layer;
    const size = `${rows?.size ?? extent.height} × ${(columns ?? rows)?.size ?? extent.width}`;
    sees.textContent = `${size} of the ${noun}: ${describeBox(field)}`;
    const about = held ?? place;
    arithmetic.show(silent.hidden ? { layer: layer.name, channel, ...about } : null, about === pointed);
  }

  /** Explain the column of a layer. @param {string} name */
  function describeLayer(name) {
    const stage = [false, true].flatMap((before) => stagesOf(model, before)).find((one) => one.layer === name);
    about.textContent = stage ? [`${stage.title}: ${stage.shape}`, ...stage.facts].join(" · ") + `. ${stage.says}` : "";
  }

  /**
   * Whether all values of a map are zero, which is said instead, unless one is pinned.
   * @param {NonNullable<ReturnType<typeof current>>} selected
   */
  function isSilent({ layer, channel, tensor }) {
    const place = `${layer.name} ${channel}`;
    if (tensor.shape.length !== 3 || shownAnyway === place || pinned(tensor)) return false;
    const values = tensor.slice(channel);
    if (values.some((/** @type {number} */ one) => one !== 0)) return false;
    const other = contrastingChannel(tensor);
    silence.textContent = `Channel ${channel} of ${layer.name} is silent: all ${values.length} values are 0 for this ${noun}. Its pattern is nowhere in it.`;
    livelier.textContent = `Show channel ${other}, which responds`;
    livelier.hidden = other === channel;
    livelier.onclick = () => store.set({ channel: other });
    anyway.onclick = () => {
      shownAnyway = place;
      render();
    };
    return true;
  }

  /** @param {ArrayLike<number>} values @param {string} kind */
  function showStats(values, kind) {
    const all = Array.from(values);
    const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
    const above = all.filter((one) => one > 0).length / all.length;
    const lowest = kind === "pre_activation" ? `lowest ${formatNumber(Math.min(...all))} · ` : "";
    const highest = formatNumber(Math.max(...all));
    stats.textContent = `${lowest}highest ${highest} · mean ${formatNumber(mean)} · ${formatPercent(above)} above zero`;
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    const selected = current();
    if (!selected) return null;
    const { layer, channel, tensor } = selected;
    const name = `${layer.name}-${channel}`;
    if (tensor.shape.length !== 3)
      return { ...image.describe("activations", { layers: layer.name }, tensor), name: layer.name };
    return {
      ...image.describe("channel", { layer: layer.name, channel }, channelTensor(tensor, channel)),
      name,
    };
  }

  store.on(["layer", "channel"], () => {
    pointed = null;
    render();
  });
  store.on(["y", "x"], render);
  image.onAnswer(render);
}

/** @param {Tensor} tensor @param {number} channel @param {Place} place */
function at(tensor, channel, { y, x }) {
  return tensor.at(channel, y, x);
}

/** @param {number} value @param {string} dtype */
function fullDigits(value, dtype) {
  return exactDigits(value, dtype).replace("-", "−");
}

/** Position of the largest value. @param {ArrayLike<number>} values @param {number} width @returns {Place} */
function peak(values, width) {
  let best = 0;
  for (let at = 1; at < values.length; at += 1) if (values[at] > values[best]) best = at;
  return { y: Math.floor(best / width), x: best % width };
}

/** @param {Place} place */
function boxOf({ y, x }) {
  return { top: y, bottom: y, left: x, right: x };
}
