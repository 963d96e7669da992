/** Picture: what somebody drew, chose or brought along, and how it goes to the network. */

import { make } from "/sdk/dom.js";
import { pixelsFromText, pixelsToText } from "./pixels-text.js";
import { loadSamples, sampleRow } from "./samples.js";

/** @typedef {import("/sdk/digit-pad.js").DigitPad} DigitPad */
/** @typedef {import("./current-digit.js").Drawn} Drawn */
/** @typedef {import("../state.js").State} State */

const READ = ["image/png", "image/jpeg"];

/** A file that was brought along, until something else is drawn; `pixels` is what became of it. */
/** @typedef {{ blob: Blob, pixels: string | null }} Brought */

/**
 * Fill the panel in which digits are drawn and chosen.
 * @param {import("../context.js").Context} context
 */
export async function mountPicture({ lightwell, store }) {
  const panel = /** @type {HTMLElement} */ (document.getElementById("draw"));
  const samples = await loadSamples(lightwell);
  const pad = /** @type {DigitPad} */ (document.createElement("lw-digit-pad"));
  const refusal = make("p", { class: "warning refusal", role: "alert", hidden: true });
  const tools = toolsOf(pad, bring);
  document.getElementById("pad")?.replaceChildren(pad, tools.element, refusal);
  const row = sampleRow(/** @type {Element} */ (document.getElementById("samples")), samples, ({ index }) => {
    brought = null;
    refusal.hidden = true;
    store.set({ sample: index, pixels: "", strokes: "" });
  });

  /** @type {Brought | null} */
  let brought = null;
  /** @type {Promise<void>} */
  let ready = Promise.resolve();
  let tell = { changed: () => {}, drawing: () => {} };

  pad.addEventListener("lw-draw", () => tell.drawing());
  pad.addEventListener("lw-change", () => {
    if (brought?.pixels === null) brought = null; // whoever draws no longer waits for the file
    store.set({ ...baseState(), strokes: pad.strokes });
  });
  acceptFiles(panel.closest(".chapter") ?? panel, panel, bring);
  store.on(["sample", "pixels", "strokes"], (state) => {
    ready = show(state);
    void ready.then(() => tell.changed());
  });

  /** Bring the pad to a state that came from elsewhere: a link, a sample, the comparison. @param {State} state */
  async function show(state) {
    const base = await baseOf(state);
    if (!sameRows(base, pad.base)) pad.base = base;
    if (state.strokes !== pad.strokes) pad.strokes = state.strokes;
    const isSample = state.sample >= 0 && !state.pixels;
    row.mark(isSample ? state.sample : -1);
    tools.update();
  }

  /** @param {State} state */
  async function baseOf({ sample, pixels }) {
    if (pixels) return pixelsFromText(pixels);
    return sample < 0 ? null : ((await samples.find(sample))?.pixels ?? null);
  }

  /** What the state has to say of what lies beneath the strokes, after somebody drew. */
  function baseState() {
    const { base } = pad;
    const { sample, pixels } = store.state;
    if (!base) return { sample: -1, pixels: "" };
    if (sample >= 0 || pixels) return { sample, pixels };
    // A clearing was undone: what came back is a sample again, or pixels.
    const index = samples.first.find((one) => sameRows(one.pixels, base))?.index ?? -1;
    return { sample: index, pixels: index < 0 ? pixelsToText(base) : "" };
  }

  /** Take a file along. @param {Blob} blob */
  function bring(blob) {
    if (!READ.includes(blob.type)) {
      return refused(new Error(`Only PNG and JPEG pictures can be read; this is ${blob.type || "another kind of file"}.`));
    }
    brought = { blob, pixels: null };
    tell.changed();
  }

  /** Whether what is asked about is the file as it came: when it is new, and while it is prepared anew. */
  function isBrought() {
    const { pixels, strokes, preprocess } = store.state;
    if (!brought) return false;
    return brought.pixels === null || (brought.pixels === pixels && !strokes && preprocess === "mnist");
  }

  /** What is to be looked at now. @returns {Promise<Drawn>} */
  async function source() {
    if (brought && isBrought()) return { input: brought.blob };
    await ready;
    const { sample, pixels, strokes, preprocess } = store.state;
    const isSample = sample >= 0 && !pixels && !strokes && pad.base !== null;
    if (!pad.strokes) return { input: pad.pixels(), ...(isSample ? { sample } : {}) };
    return { input: preprocess === "none" ? pad.pixels() : await pad.toBlob() };
  }

  /** Show what became of the picture: a file is on the pad from now on. @param {number[][]} seen */
  function answered(seen) {
    refusal.hidden = true;
    if (!brought || brought.pixels !== null) return;
    brought.pixels = pixelsToText(seen);
    store.set({ sample: -1, pixels: brought.pixels, strokes: "" });
  }

  /** Say why there is no answer; a file that was never shown is let go. @param {Error} error */
  function refused(error) {
    if (brought?.pixels === null) brought = null;
    refusal.textContent = error.message;
    refusal.hidden = false;
  }

  /** What the picture depends on, to know whether it was asked about already. */
  function key() {
    const { sample, pixels, strokes } = store.state;
    return isBrought() ? brought : `${sample} ${pixels} ${strokes}`;
  }

  /**
   * @param {typeof tell} listener Told when there is another picture, and again and again while it is
   *   being drawn.
   */
  function listen(listener) {
    tell = listener;
  }

  await ready;
  return { source, answered, refused, key, listen };
}

/**
 * The buttons beside the pad.
 * @param {DigitPad} pad
 * @param {(file: Blob) => void} bring
 */
function toolsOf(pad, bring) {
  const undo = make("button", { type: "button" }, "Undo");
  const clear = make("button", { type: "button" }, "Clear");
  const accept = READ.join(",");
  const file = make("input", { type: "file", accept, hidden: true, "aria-label": "Upload a picture" });
  const upload = make("button", { type: "button" }, "Upload");
  undo.addEventListener("click", () => pad.undo());
  clear.addEventListener("click", () => pad.clear());
  upload.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files?.[0]) bring(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  });
  function update() {
    undo.disabled = !pad.canUndo;
    clear.disabled = pad.empty;
  }
  pad.addEventListener("lw-draw", update);
  return { element: make("div", { class: "pad-tools" }, undo, clear, upload, file), update };
}

/**
 * Take pictures that are pasted anywhere in the chapter or dropped on it.
 * @param {Element} chapter
 * @param {HTMLElement} panel Shows where a picture can be dropped.
 * @param {(file: Blob) => void} bring
 */
function acceptFiles(chapter, panel, bring) {
  document.addEventListener("paste", (event) => {
    const target = /** @type {Element} */ (event.target);
    const file = event.clipboardData?.files[0];
    if (!file || target.closest("#sequences")) return;
    event.preventDefault();
    bring(file);
  });
  chapter.addEventListener("dragover", (event) => {
    if (!(/** @type {DragEvent} */ (event).dataTransfer?.types.includes("Files"))) return;
    event.preventDefault(); // without this the browser would leave the page and open the file
    panel.classList.add("dropping");
  });
  chapter.addEventListener("dragleave", () => panel.classList.remove("dropping"));
  chapter.addEventListener("drop", (event) => {
    panel.classList.remove("dropping");
    const file = /** @type {DragEvent} */ (event).dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    bring(file);
  });
}

/** @param {number[][] | null} one @param {number[][] | null} other */
function sameRows(one, other) {
  return one === other || String(one) === String(other);
}
