/** Image input of an embedded view: a sample to begin with, a pad to draw on, samples to choose. */

import { make } from "../sdk/dom.js";

/** @typedef {HTMLElement & { input: any }} Target */

/**
 * Add the controls of an input image to a view, and set the first image.
 * @param {import("./parts.js").Frame} frame
 * @param {HTMLElement[]} elements Elements with the property `input`.
 */
export async function mountImageInput({ view, lightwell, given, controls }, elements) {
  const targets = /** @type {Target[]} */ (elements);
  const send = (/** @type {Blob | null} */ image) => targets.forEach((one) => (one.input = image));
  const column = make("div", { class: "input" });
  const refusal = make("p", { class: "note", role: "alert", hidden: true });
  let choices = 0; // an image that is ready late must not replace a later one
  const begin = () => {
    choices += 1;
    refusal.hidden = true;
    const choice = choices;
    return () => choice === choices;
  };
  const { pad, buttons, update } = padOf(begin, send);
  const show = async (/** @type {number | string} */ index) => {
    const isLast = begin();
    try {
      const image = await (await lightwell.request(`/samples/${index}.png`)).blob();
      const base = await rowsOf(image);
      if (!isLast()) return;
      pad.strokes = "";
      pad.base = base;
      update();
      send(image);
    } catch (error) {
      if (!isLast()) return;
      refusal.textContent = /** @type {Error} */ (error).message;
      refusal.hidden = false;
    }
  };
  if (controls.has("pad")) column.append(pad, buttons);
  if (controls.has("samples")) column.append(await samplesOf(lightwell, show));
  view.append(...(column.childElementCount ? [column] : []), refusal);
  void show(given.sample ?? 0);
}

/** Grey values of an image, row by row. @param {Blob} image */
async function rowsOf(image) {
  const picture = await createImageBitmap(image);
  const { width, height } = picture;
  const context = make("canvas", { width, height }).getContext("2d");
  if (!context) return null;
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => data[4 * (y * width + x)]));
}

/**
 * Make a pad with its buttons.
 * @param {() => () => boolean} begin Called when the drawing changes; returns whether it is still the last change.
 * @param {(image: Blob | null) => void} send
 * @returns {{ pad: import("../sdk/digit-pad.js").DigitPad, buttons: HTMLElement, update: () => void }}
 */
function padOf(begin, send) {
  const pad = /** @type {import("../sdk/digit-pad.js").DigitPad} */ (document.createElement("lw-digit-pad"));
  const undo = make("button", { type: "button" }, "Undo");
  const clear = make("button", { type: "button" }, "Clear");
  const update = () => {
    undo.disabled = !pad.canUndo;
    clear.disabled = pad.empty;
  };
  const change = async () => {
    update();
    const isLast = begin();
    const drawing = pad.empty ? null : await pad.toBlob();
    if (isLast()) send(drawing);
  };
  // A drawing takes the place of a sample, of one that is still loaded, too.
  const draw = () => {
    begin();
    if (pad.base && !pad.strokes) pad.base = null;
  };
  pad.addEventListener("pointerdown", ({ button }) => button === 0 && draw(), { capture: true });
  pad.addEventListener("keydown", ({ key }) => key === " " && draw(), { capture: true });
  undo.addEventListener("click", () => pad.undo());
  clear.addEventListener("click", () => pad.clear());
  pad.addEventListener("lw-change", () => void change());
  update();
  return { pad, buttons: make("div", { class: "row" }, undo, clear), update };
}

/**
 * Make a button for a sample of each digit.
 * @param {import("../sdk/client.js").Lightwell} lightwell
 * @param {(index: number) => void} choose
 */
async function samplesOf(lightwell, choose) {
  const { samples } = await lightwell.get("/samples", { count: 10 });
  const buttons = samples.map((/** @type {{ index: number, label: number, pixels: number[][] }} */ { index, label, pixels }) => {
    const picture = make("canvas", { width: 28, height: 28 });
    const grey = new ImageData(28, 28);
    pixels.flat().forEach((value, at) => grey.data.set([value, value, value, 255], 4 * at));
    picture.getContext("2d")?.putImageData(grey, 0, 0);
    const button = make("button", { type: "button", title: `A handwritten ${label}`, "aria-label": `A handwritten ${label}` }, picture);
    button.addEventListener("click", () => choose(index));
    return button;
  });
  return make("div", { class: "samples" }, ...buttons);
}
