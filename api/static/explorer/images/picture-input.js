/** Picture input: the drawing pad, the test samples and picture files, and the input that they make. */

import "../../sdk/digit-pad.js";
import { make } from "../../sdk/dom.js";
import { part } from "../context.js";
import { imageInput, readsDigits } from "../model-facts.js";
import { pixelsFromText, pixelsToText, testPicture } from "./pixels.js";
import { loadSamples, sampleRow } from "./samples.js";

/** @typedef {import("../../sdk/digit-pad.js").DigitPad} DigitPad */
/** @typedef {import("./colour-view.js").ColourView} ColourView */
/** @typedef {import("./pixels.js").Pixels} Pixels */
/** @typedef {import("./current-image.js").Source} Source */
/** @typedef {import("../state.js").State} State */

/**
 * A picture file, until something else is drawn. It is posted with up to 1,024 pixels a side, which the server
 * prepares; from the first answer on the pad shows the network's input.
 * @typedef {{ blob: Blob, pixels: string | null }} PictureFile
 */

/**
 * Fill the panel in which pictures are drawn and chosen.
 * @param {import("../context.js").Context} context
 */
export async function mountPictureInput(context) {
  const { lightwell, store, model } = context;
  const panel = part(context, "draw");
  const shape = imageInput(model);
  const isDigits = readsDigits(model);
  const samples = isDigits ? await loadSamples(lightwell) : null;
  const pad = await makePad(shape, isDigits);
  const refusal = make("p", { class: "warning refusal", role: "alert", hidden: true });
  const tools = toolsOf(pad, useFile);
  part(context, "pad").replaceChildren(pad instanceof HTMLElement ? pad : pad.element, tools.element, refusal);
  const choose = (/** @type {{ index: number }} */ { index }) => {
    choices += 1;
    pictureFile = null;
    refusal.hidden = true;
    store.set({ sample: index, pixels: "", strokes: "" });
  };
  const row = samples ? sampleRow(part(context, "samples"), samples, choose, showRefusal) : null;
  if (!row) part(context, "samples").remove();

  /** @type {PictureFile | null} */
  let pictureFile = null;
  let shows = 0; // a sample that is loaded late must not replace a later picture
  let onPad = { sample: -1, pixels: "" }; // state values of the picture under the strokes on the pad
  let choices = 0; // a file that is decoded late must not replace a later choice
  /** @type {Promise<void>} */
  let ready = Promise.resolve();
  let listeners = { changed: () => {}, drawing: () => {} };

  const begin = () => {
    shows += 1; // a stroke that has begun is a later picture, too
  };
  if (pad instanceof HTMLElement) {
    pad.addEventListener("pointerdown", ({ button }) => button === 0 && begin(), { capture: true });
    pad.addEventListener("keydown", ({ key }) => key === " " && begin(), { capture: true });
  }
  pad.addEventListener("lw-draw", () => listeners.drawing());
  pad.addEventListener("lw-change", () => {
    choices += 1;
    if (pictureFile?.pixels === null) pictureFile = null; // a stroke replaces a file that has no answer yet
    store.set({ ...baseState(), strokes: pad.strokes });
  });
  acceptFiles(context, panel, useFile);
  store.on(["sample", "pixels", "strokes"], (state) => {
    const shown = show(state);
    ready = shown;
    shown.then(() => listeners.changed(), (error) => ready === shown && showRefusal(error));
  });

  /** Show a state on the pad that was set by a link, a sample or the comparison. @param {State} state */
  async function show(state) {
    shows += 1;
    const own = shows;
    const base = await baseOf(state);
    if (own !== shows) return;
    if (!sameRows(base, pad.base)) /** @type {{ base: Pixels | null }} */ (pad).base = base;
    if (state.strokes !== pad.strokes) pad.strokes = state.strokes;
    onPad = { sample: state.sample, pixels: state.pixels };
    const isSample = state.sample >= 0 && !state.pixels;
    row?.mark(isSample ? state.sample : -1);
    tools.update();
  }

  /** @param {State} state @returns {Promise<Pixels | null>} */
  async function baseOf({ sample, pixels }) {
    if (pixels) return pixelsFromText(pixels, shape);
    if (sample < 0) return null;
    return samples ? ((await samples.find(sample))?.pixels ?? null) : testPicture(shape);
  }

  /** State values of the image under the strokes, after a change of the pad. */
  function baseState() {
    const { base } = pad;
    if (!base) return { sample: -1, pixels: "" };
    if (onPad.sample >= 0 || onPad.pixels) return onPad;
    // `clear` was undone: the base that came back may be a sample.
    const index = samples?.first.find((one) => sameRows(one.pixels, base))?.index ?? -1;
    return { sample: index, pixels: index < 0 ? pixelsToText(base) : "" };
  }

  /** Use a picture file as the input. @param {Blob} file */
  async function useFile(file) {
    choices += 1;
    const choice = choices;
    try {
      const { pictureToSend } = await import("./picture-file.js");
      const blob = await pictureToSend(file, shape.prepare === "none" ? shape : null);
      if (choice !== choices) return;
      pictureFile = { blob, pixels: null };
      listeners.changed();
    } catch (error) {
      if (choice === choices) showRefusal(/** @type {Error} */ (error));
    }
  }

  /** Whether the input is the file itself: before its first answer, and when preprocessing is switched on again. */
  function isFile() {
    const { pixels, strokes, preprocess } = store.state;
    if (!pictureFile) return false;
    return pictureFile.pixels === null || (pictureFile.pixels === pixels && !strokes && preprocess !== "none");
  }

  /** The current input. @returns {Promise<Source>} */
  async function source() {
    if (pictureFile && isFile()) return { input: pictureFile.blob };
    await ready;
    const { sample, pixels, strokes, preprocess } = store.state;
    const isSample = isDigits && sample >= 0 && !pixels && !strokes && pad.base !== null;
    if (!pad.strokes) return { input: pad.pixels(), ...(isSample ? { sample } : {}) };
    // The server prepares a digit from the finer drawing; other networks take pixels of their own size.
    return { input: preprocess === "none" || !isDigits ? pad.pixels() : await pad.toBlob() };
  }

  /** Put the pixels of a file's first answer on the pad. @param {Pixels} rows */
  function showAnswered(rows) {
    refusal.hidden = true;
    if (!pictureFile || pictureFile.pixels !== null) return;
    pictureFile.pixels = pixelsToText(rows);
    store.set({ sample: -1, pixels: pictureFile.pixels, strokes: "" });
  }

  /** Show the error of a request; a file without an answer is dropped. @param {Error} error */
  function showRefusal(error) {
    if (pictureFile?.pixels === null) pictureFile = null;
    refusal.textContent = error.message;
    refusal.hidden = false;
  }

  /** Identity of the input: equal keys need no new request. */
  function key() {
    const { sample, pixels, strokes } = store.state;
    return isFile() ? pictureFile : `${sample} ${pixels} ${strokes}`;
  }

  /**
   * @param {typeof listeners} listener `changed` is called for another picture, `drawing` at most once a frame
   *   while a stroke grows.
   */
  function listen(listener) {
    listeners = listener;
  }

  return { source, showAnswered, showRefusal, key, listen };
}

/**
 * Make the pad of a network that reads one channel, and a view of the picture for others.
 * @param {import("../model-facts.js").ImageInput} shape
 * @param {boolean} isDigits
 * @returns {Promise<DigitPad | ColourView>}
 */
async function makePad({ height, width, channels }, isDigits) {
  if (channels !== 1) return new (await import("./colour-view.js")).ColourView();
  const pad = /** @type {DigitPad} */ (document.createElement("lw-digit-pad"));
  pad.setAttribute("rows", String(height));
  pad.setAttribute("columns", String(width));
  if (!isDigits) pad.setAttribute("hint", "Draw here");
  return pad;
}

/**
 * Buttons of the pad.
 * @param {DigitPad | ColourView} pad
 * @param {(file: Blob) => void} useFile
 */
function toolsOf(pad, useFile) {
  const undo = make("button", { type: "button" }, "Undo");
  const clear = make("button", { type: "button" }, "Clear");
  const file = make("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "Upload a picture" });
  const upload = make("button", { type: "button" }, "Upload");
  undo.addEventListener("click", () => pad.undo());
  clear.addEventListener("click", () => pad.clear());
  upload.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files?.[0]) useFile(file.files[0]);
    file.value = ""; // otherwise choosing the same file again is no change
  });
  function update() {
    undo.disabled = !pad.canUndo;
    clear.disabled = pad.empty;
  }
  pad.addEventListener("lw-draw", update);
  const drawing = pad instanceof HTMLElement ? [undo, clear] : [];
  return { element: make("div", { class: "pad-tools" }, ...drawing, upload, file), update };
}

/**
 * Take pictures that are pasted anywhere in the chapter or dropped on it.
 * @param {import("../context.js").Context} context
 * @param {HTMLElement} panel Shows where a picture can be dropped.
 * @param {(file: Blob) => void} useFile
 */
function acceptFiles({ root: chapter, signal }, panel, useFile) {
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const file = event.clipboardData?.files[0];
    if (!file || chapter.hidden) return;
    event.preventDefault();
    useFile(file);
  };
  document.addEventListener("paste", paste, { signal });
  chapter.addEventListener("dragover", (event) => {
    if (!(/** @type {DragEvent} */ (event).dataTransfer?.types.includes("Files"))) return;
    event.preventDefault(); // otherwise the browser would open the file instead of the page
    panel.classList.add("dropping");
  });
  chapter.addEventListener("dragleave", () => panel.classList.remove("dropping"));
  chapter.addEventListener("drop", (event) => {
    panel.classList.remove("dropping");
    const file = /** @type {DragEvent} */ (event).dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    useFile(file);
  });
}

/** @param {Pixels | null} one @param {Pixels | null} other */
function sameRows(one, other) {
  return one === other || String(one) === String(other);
}
