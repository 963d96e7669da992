/** Samples: a row of ten MNIST test images, one of each digit, and the next ten on request. */

import { make } from "../../sdk/dom.js";

/** @typedef {{ index: number, label: number, pixels: number[][] }} Sample */

const SHOWN = 10;
const ALL = 200;

/** @typedef {import("../../sdk/client.js").Lightwell} Lightwell */

/** @param {Lightwell} lightwell @param {number} count @returns {Promise<Sample[]>} */
async function load(lightwell, count) {
  return (await lightwell.get("/samples", { count })).samples;
}

/** The first ten samples; null before they are requested. @type {Promise<Sample[]> | null} */
let requested = null;

/** Request the first ten samples, once. @param {Lightwell} lightwell */
export function requestSamples(lightwell) {
  requested ??= load(lightwell, SHOWN).catch((error) => {
    requested = null; // so that the next call requests them again
    throw error;
  });
  return requested;
}

/** Load the first ten samples; all 200 are loaded when they are needed. @param {Lightwell} lightwell */
export async function loadSamples(lightwell) {
  const first = await requestSamples(lightwell);
  /** @type {Promise<Sample[]> | null} */
  let loading = null;
  const all = () =>
    (loading ??= load(lightwell, ALL).catch((error) => {
      loading = null; // so that the next call requests them again
      throw error;
    }));
  return {
    first,
    all,
    /** @param {number} index In the test set. @returns {Promise<Sample | undefined>} */
    async find(index) {
      return first.find((one) => one.index === index) ?? (await all()).find((one) => one.index === index);
    },
  };
}

/**
 * Fill a container with buttons for samples.
 * @param {Element} container
 * @param {Awaited<ReturnType<typeof loadSamples>>} samples
 * @param {(sample: Sample) => void} choose
 * @param {(error: Error) => void} fail Called where other samples cannot be loaded.
 * @returns {{ mark: (index: number) => void }} Marks a sample; -1 for none.
 */
export function sampleRow(container, { first, all }, choose, fail) {
  let page = 0;
  let marked = -1;
  const row = make("div", { class: "sample-row" });
  const more = make("button", { type: "button", class: "more" }, "More");
  more.setAttribute("aria-label", "More: ten other samples");
  more.addEventListener("click", () => void all().then(showNext, fail));

  /** @param {Sample[]} samples */
  function showNext(samples) {
    page = (page + 1) % Math.floor(samples.length / SHOWN);
    show(samples.slice(SHOWN * page, SHOWN * (page + 1)));
  }

  /** @param {Sample[]} shown */
  function show(shown) {
    row.replaceChildren(...shown.map((sample) => thumbnail(sample, choose)));
    mark(marked);
  }

  /** @param {number} index */
  function mark(index) {
    marked = index;
    for (const button of row.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.index === String(index)));
    }
  }

  show(first);
  container.replaceChildren(row, more);
  return { mark };
}

/** @param {Sample} sample @param {(sample: Sample) => void} choose */
function thumbnail(sample, choose) {
  const { index, label, pixels } = sample;
  const canvas = make("canvas", { width: 28, height: 28, "aria-hidden": "true" });
  const grey = Uint8ClampedArray.from(pixels.flat().flatMap((value) => [value, value, value, 255]));
  canvas.getContext("2d")?.putImageData(new ImageData(grey, 28), 0, 0);
  const button = make("button", { type: "button", class: "sample", title: `Test image ${index}, a ${label}` }, canvas);
  button.setAttribute("aria-label", `A ${label}, test image ${index}`);
  button.dataset.index = String(index);
  button.addEventListener("click", () => choose(sample));
  return button;
}
