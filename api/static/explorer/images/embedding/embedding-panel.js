/** Embedding panel: the picture's place among test images, along two principal axes of the last hidden layer. */

import { colourMaps, rangeOf } from "../../../sdk/colours.js";
import { make } from "../../../sdk/dom.js";
import { exactDigits, formatPercent } from "../../../sdk/number-format.js";
import { pause } from "../../../sdk/repeats.js";
import { part } from "../../context.js";
import { addDownloads } from "../../downloads.js";
import { latestRequest } from "../../latest-request.js";
import { loadStyle } from "../../lazy-panels.js";
import { nounOf } from "../../model-facts.js";
import { codePanel } from "../../request-code.js";
import { COMPILING, retryWhileCompiling } from "../../retry.js";
import { stateSelect } from "../../state-select.js";
import { whenSeen } from "../../when-seen.js";
import { pixelsToText } from "../pixels.js";
import { EmbeddingMap } from "./embedding-map.js";
import { mirroredPad } from "./mirrored-pad.js";
import { nearestImages, rowsOf, thumbnail } from "./nearest-images.js";

/** @typedef {import("../../../sdk/client.js").Answer} Answer */
/** @typedef {import("../../../sdk/tensor.js").Tensor} Tensor */
/** @typedef {import("../../context.js").Context} Context */
/** @typedef {import("./embedding-map.js").Point} Point */

/** Milliseconds for which an image is pointed at before its picture is requested. */
const REST_MS = 120;
const PAD_SIZE = 150;

/**
 * Fill the panel `map`.
 * @param {Context} context
 * @param {import("../current-image.js").CurrentImage} image
 */
export async function mountEmbedding(context, image) {
  const { lightwell, store, model, announce, signal } = context;
  const [tables] = await Promise.all([colourMaps(lightwell), loadStyle(import.meta.resolve("./embedding.css"))]);
  const body = part(context, "map-body");
  const noun = nounOf(model);
  const map = new EmbeddingMap(noun, { point: describePoint, choose: ({ number }) => void chooseNumber(number) });
  const pad = mirroredPad(/** @type {any} */ (context.root.querySelector("lw-digit-pad")), PAD_SIZE);
  const near = nearestImages(choose);
  const place = make("p", { class: "number map-place" });
  const votes = make("p", { class: "quiet" });
  const pointed = make("p", { class: "number quiet map-pointed", role: "status" });
  const preview = make("div", { class: "map-preview" });
  const shares = make("p", { class: "explain" });
  const warning = make("p", { class: "warning", role: "status", hidden: true });
  const untrained = make("p", { class: "quiet", hidden: true }, "The map is one of the trained weights: it does not change with the training.");
  const beside = make("div", { class: "map-beside" }, pad.element, make("div", { class: "of-input" }, place, votes, near.element));
  const code = make("div");
  body.replaceChildren(
    make("div", { class: "row choices" }, ...axisSelects(context), classSelect(context)),
    warning,
    make("div", { class: "map-shown" }, make("div", { class: "map-figure" }, map.element, make("div", { class: "map-reading" }, preview, pointed)), beside),
    shares,
    untrained,
    make("details", {}, make("summary", {}, "The request as code"), code),
  );
  /** Whether the test images are on the map. */
  let isMapped = false;

  const axes = () => axesOf(context);
  const describe = () => image.describe("embedding", { cmap: null, range: null, ...axes() });
  const requestCode = codePanel(code, () => (image.answer ? describe() : null));
  addDownloads(body, describe);

  /** @param {Error} error */
  function fail({ message }) {
    warning.textContent = message;
    warning.hidden = false;
  }
  const waiting = () => fail(new Error(COMPILING));

  const sendMap = latestRequest(
    context,
    (/** @type {ReturnType<typeof axes>} */ parameters, aborted) => {
      const send = () => lightwell.ask(model.name, "embedded", { parameters, signal: aborted });
      return retryWhileCompiling(`/${model.name}/embedded`, send, aborted, waiting);
    },
    (answer) => {
      warning.hidden = true;
      const points = pointsOf(answer, model.classes, tables);
      const titles = Object.entries(axes()).map(([name, axis]) => titleOf(axis, Number(answer.measures.get(`${name}_share`))));
      map.showImages(points, [titles[0], titles[1]]);
      map.showClass(store.state.mapClass);
      if (isMapped) announce(`The map shows ${titles.join(" and ")}.`);
      isMapped = true;
      shares.textContent =
        `The two axes hold ${formatPercent(sum(answer, "across_share", "upward_share"))} of the variance of the network's last hidden layer, the first 16 hold ` +
        `${formatPercent(sum(answer, "all_axes_share"))}: images that are apart along other axes overlap here. The nearest are nearest along all 16.`;
      locate();
    },
    fail,
  );

  let isPending = false;
  /** Whether the picture has changed since the last request. */
  let isWanted = true;
  const locate = whenSeen(body, () => void locateAll());

  /** Ask for the picture's place after each answer: a growing stroke waits for the place before. */
  async function locateAll() {
    isWanted = true;
    if (isPending || !isMapped || !image.input) return;
    isPending = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      await locateOnce().catch((error) => signal.aborted || fail(error));
    }
    isPending = false;
  }

  async function locateOnce() {
    const { input } = image;
    const { preprocess } = image.parameters;
    const asked = axes();
    const parameters = { ...asked, preprocess, images: "nearest", include: ["tensors"] };
    const send = () => lightwell.ask(model.name, "embedding", { input: input ?? undefined, parameters, signal });
    const { tensors } = await retryWhileCompiling(`/${model.name}/embedding`, send, signal, waiting);
    // Along other axes the place means another one.
    if (JSON.stringify(asked) !== JSON.stringify(axes())) return;
    warning.hidden = true;
    showPlace(tensors);
    near.show(tensors);
  }

  /** @param {Answer["tensors"]} tensors */
  function showPlace(tensors) {
    const [across, upward, labels] = ["across.picture", "upward.picture", "label"].map((name) => /** @type {Tensor} */ (tensors.get(name)));
    const numbers = labels.labels("image").map(Number);
    map.showPicture({ across: across.values[0], upward: upward.values[0] }, numbers);
    place.textContent = `Your ${noun}: ${numbersOf(across.values[0], upward.values[0])}`;
    const counts = Array.from(/** @type {Tensor} */ (tensors.get("votes")).values, (count, label) => ({ count, name: model.classes[label] }));
    const most = counts.filter(({ count }) => count).sort((one, other) => other.count - one.count);
    votes.textContent = `Of the ${numbers.length} nearest test images ${most.map(({ count, name }) => `${count} ${count === 1 ? "is" : "are"} a ${name}`).join(", ")}.`;
  }

  const sendPreview = latestRequest(
    context,
    async (/** @type {Point} */ { number }, aborted) => {
      await pause(REST_MS / 1000, aborted);
      return rowsOfNumber(context, number, aborted);
    },
    (rows) => preview.replaceChildren(thumbnail(rows)),
    fail,
  );

  /** @param {Point | null} point */
  function describePoint(point) {
    if (!point) return;
    pointed.textContent = `Test image ${point.number}, a ${point.name}: ${numbersOf(point.across, point.upward)}`;
    preview.replaceChildren();
    void sendPreview(point);
  }

  /** @param {number} number */
  async function chooseNumber(number) {
    await rowsOfNumber(context, number, signal).then((rows) => choose(number, rows), (error) => signal.aborted || fail(error));
  }

  /** @param {number} number @param {number[][]} rows */
  function choose(number, rows) {
    store.set({ sample: -1, pixels: pixelsToText(rows), strokes: "" });
    announce(`Test image ${number} is the ${noun} now.`);
  }

  pointed.textContent = "Point at a test image, or use the arrow keys; click it, or press Enter, to see what the network makes of it.";
  store.on(["mapAcross", "mapUpward"], () => {
    requestCode.update();
    void sendMap(axes());
  });
  store.on(["mapClass"], ({ mapClass }) => map.showClass(mapClass));
  store.on(["checkpoint"], ({ checkpoint }) => (untrained.hidden = checkpoint === ""));
  image.onAnswer(() => {
    pad.follow();
    requestCode.update();
    locate();
  });
}

/** Axes of a state, two different ones. @param {Context} context */
function axesOf({ store, model }) {
  const { mapAcross, mapUpward } = store.state;
  const known = (/** @type {number} */ axis, /** @type {number} */ other) => (axis >= 0 && axis < numberOfAxes(model) ? axis : other);
  const across = known(mapAcross, 0);
  const upward = known(mapUpward, 1);
  return { across, upward: upward === across ? Number(across === 0) : upward };
}

/** @param {import("../../context.js").Model} model */
function numberOfAxes({ probes }) {
  const schema = probes.find(({ name }) => name === "embedded")?.parameters;
  return Number(schema?.properties.across?.exclusiveMaximum ?? 2);
}

/** Selects of the two axes. @param {Context} context */
function axisSelects({ store, model }) {
  const axes = Array.from({ length: numberOfAxes(model) }, (_, axis) => /** @type {const} */ ([axis, `axis ${axis}`]));
  return [stateSelect(store, "mapAcross", "Across", axes), stateSelect(store, "mapUpward", "Upward", axes)];
}

/** Select of the class on display. @param {Context} context */
function classSelect({ store, model }) {
  const classes = model.classes.map((name, label) => /** @type {const} */ ([label, name]));
  return stateSelect(store, "mapClass", "Show", [[-1, "all classes"], ...classes]);
}

/** @param {number} axis @param {number} share */
function titleOf(axis, share) {
  return `axis ${axis}: ${formatPercent(share)} of the variance`;
}

/** @param {Answer} answer @param {...string} names */
function sum({ measures }, ...names) {
  return names.reduce((all, name) => all + Number(measures.get(name)), 0);
}

/** @param {number} across @param {number} upward */
function numbersOf(across, upward) {
  const [right, up] = [across, upward].map((value) => exactDigits(value, "float32").replace("-", "−"));
  return `across ${right}, upward ${up}`;
}

/**
 * Test images of an answer, each in the colour of its class.
 * @param {Answer} answer
 * @param {string[]} classes
 * @param {import("../../figures/figure.js").Tables} tables
 * @returns {Point[]}
 */
function pointsOf({ tensors }, classes, tables) {
  const [across, upward, labels] = ["across", "upward", "label"].map((name) => /** @type {Tensor} */ (tensors.get(name)));
  const range = rangeOf(labels);
  const table = tables.get(range.map);
  const colourOf = (/** @type {number} */ label) => {
    const index = Math.round((255 * (label - range.low)) / (range.high - range.low || 1));
    return table ? `rgb(${table.subarray(3 * index, 3 * index + 3).join(" ")})` : "currentColor";
  };
  return labels.labels("image").map((number, at) => {
    const label = labels.values[at];
    return { number: Number(number), label, name: classes[label], colour: colourOf(label), across: across.values[at], upward: upward.values[at] };
  });
}

/** Pixels of a test image. @param {Context} context @param {number} number @param {AbortSignal} signal */
async function rowsOfNumber({ lightwell, model }, number, signal) {
  const { tensors } = await lightwell.ask(model.name, "embedded", { parameters: { image: number, include: ["tensors"] }, signal });
  return rowsOf(/** @type {Tensor} */ (tensors.get("picture")), 0);
}
