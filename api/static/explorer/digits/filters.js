/** Filters: what each channel of a convolution has learned to look for. */

import { ColourBar } from "/sdk/colour-bar.js";
import { colourMaps, rangeOf } from "/sdk/colours.js";
import { make } from "/sdk/dom.js";
import { exactDigits, formatNumber } from "/sdk/number-format.js";
import { chosen, kernelOf } from "./channel-picker.js";
import { stateSelect } from "../state-select.js";
import { downloads } from "../downloads.js";
import { drawKernels, inRows, norm, weightAt } from "./kernel-tiles.js";
import { READS } from "./kernel-view.js";
import { latestRequest } from "../latest-request.js";
import { whenNear } from "../lazy-panels.js";
import { rovingTabindex } from "../roving-tabindex.js";

/** @typedef {import("/sdk/tensor.js").Tensor} Tensor */

const LAYERS = ["conv1", "conv2", "conv3"];
const ORDERS = /** @type {const} */ ([
  ["norm", "strongest first"],
  ["index", "by number"],
]);
const STRONGEST = 8;

/**
 * Fill the panel `filters`.
 * @param {import("../context.js").Context} context
 */
export async function mountFilters(context) {
  const { lightwell, store, cnn } = context;
  const body = /** @type {HTMLElement} */ (document.getElementById("filters-body"));
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  const tables = await colourMaps(lightwell);
  const layers = LAYERS.map((name) => chip(name, () => store.set({ filters: name })));
  const orders = ORDERS.map(([order, said]) => chip(said, () => store.set({ filtersOrder: order })));
  const time = stateSelect(store, "checkpoint", "Training", [
    ...cnn.checkpoints.map((name) => /** @type {const} */ ([name, name.replace("-", " ")])),
    ["", "finished"],
  ]);
  const bar = new ColourBar();
  const said = make("p", { class: "quiet" });
  const detail = make("figure", { class: "filter-detail" });
  const grid = make("div", { class: "filter-grid", role: "group", "aria-label": "Filters" });
  body.replaceChildren(
    make("div", { class: "row filters-bar" }, group("Layer", layers), group("Order", orders), time, bar),
    said,
    detail,
    grid,
  );
  panel.querySelector("header")?.append(downloads(describe));
  rovingTabindex(grid);

  /** @type {Tensor | null} */
  let kernels = null;
  let asked = "";
  let isNear = false;

  const parameters = () => {
    const { filters, filtersOrder, range, palette, checkpoint } = store.state;
    return {
      checkpoint: cnn.checkpoints.includes(checkpoint) ? checkpoint : null,
      layers: LAYERS.includes(filters) ? filters : LAYERS[0],
      order: filtersOrder === "index" ? "index" : "norm",
      range,
      cmap: palette,
    };
  };

  const ask = latestRequest(
    (/** @type {ReturnType<typeof parameters>} */ wanted, signal) => lightwell.filters(wanted, { signal }),
    ({ tensors }, { layers: name }) => {
      kernels = /** @type {Tensor} */ (tensors.get(`${name}.kernel`));
      render(kernels, /** @type {Tensor} */ (tensors.get(`${name}.norm`)), name);
    },
    (error) => {
      asked = "";
      said.textContent = error.message;
    },
  );

  function request() {
    const wanted = parameters();
    layers.forEach((one, at) => one.setAttribute("aria-pressed", String(LAYERS[at] === wanted.layers)));
    orders.forEach((one, at) => one.setAttribute("aria-pressed", String(ORDERS[at][0] === wanted.order)));
    if (!isNear || JSON.stringify(wanted) === asked) return;
    asked = JSON.stringify(wanted);
    void ask(wanted);
  }

  /** @param {Tensor} tensor @param {Tensor} norms @param {string} name */
  function render(tensor, norms, name) {
    const isFirst = tensor.shape[1] === 1;
    const longest = Math.max(...norms.values);
    const inputs = tensor.labels("input_channel");
    bar.range = rangeOf(tensor, 0);
    bar.hidden = tensor.colour?.scope === "channel";
    said.textContent = isFirst
      ? `${tensor.shape[0]} kernels of 3 × 3, one for each channel of ${name}. The line under each is its norm.`
      : `${tensor.shape[0]} channels, each with ${inputs.length} kernels of 3 × 3: one for every channel of ${READS[name]}. ` +
        `Shown are the ${STRONGEST} largest of each; choose a channel to see all.`;
    if (tensor.colour?.scope === "channel") said.textContent += " Each channel has its own colour range.";
    const cards = tensor.labels("output_channel").map((channel, row) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      const strongest = isFirst ? [0] : strongestOf(tensor, row).slice(0, STRONGEST);
      drawKernels(
        canvas,
        strongest.map((at) => tensor.slice(row, at)),
        isFirst ? 1 : 4,
        coloursOf(tensor, row),
      );
      const line = make("span", { class: "norm" });
      line.style.width = `${(100 * norms.values[row]) / longest}%`;
      const number = make("span", { class: "number" }, String(channel));
      const card = make(
        "button",
        { type: "button", class: "filter" },
        canvas,
        number,
        make("span", { class: "norm-track" }, line),
      );
      card.dataset.channel = String(channel);
      card.setAttribute("aria-label", `Channel ${channel}, norm ${formatNumber(norms.values[row])}`);
      card.title = `channel ${channel}, norm ${exactDigits(norms.values[row], norms.dtype)}`;
      if (isFirst) card.title += `\n${inRows(tensor.slice(row, 0))}`;
      card.addEventListener("click", () =>
        store.set({ layer: `relu${name.at(-1)}`, channel: Number(channel) }),
      );
      return card;
    });
    grid.dataset.layer = name;
    grid.replaceChildren(...cards);
    select();
  }

  /** Mark the channel that the page looks at, where it is one of these. */
  function select() {
    if (!kernels) return;
    const { layer, channel } = chosen(cnn, store.state);
    const name = kernels.name.replace(".kernel", "");
    const isHere = kernelOf(layer) === name;
    for (const card of /** @type {NodeListOf<HTMLElement>} */ (grid.querySelectorAll(".filter"))) {
      card.setAttribute("aria-pressed", String(isHere && Number(card.dataset.channel) === channel));
    }
    const row = kernels.labels("output_channel").indexOf(channel);
    detail.hidden = !isHere || row < 0 || kernels.shape[1] === 1;
    if (!detail.hidden) showAll(kernels, row, name);
  }

  /** @param {Tensor} tensor @param {number} row @param {string} name */
  function showAll(tensor, row, name) {
    const order =
      store.state.filtersOrder === "index"
        ? tensor.labels("input_channel").map((_, at) => at)
        : strongestOf(tensor, row);
    const inputs = tensor.labels("input_channel");
    const channel = tensor.labels("output_channel")[row];
    const canvas = make("canvas", { role: "img" });
    const columns = columnsIn(grid.clientWidth);
    const heading = `${name}, channel ${channel}: all ${order.length} kernels`;
    const line = make("figcaption", { class: "number quiet" }, heading);
    canvas.setAttribute("aria-label", heading);
    drawKernels(
      canvas,
      order.map((at) => tensor.slice(row, at)),
      columns,
      coloursOf(tensor, row),
    );
    canvas.addEventListener("pointermove", (event) => {
      const at = weightAt(canvas, event, columns);
      const input = at && order[at.tile];
      line.textContent =
        at && input != null
          ? `from ${READS[name]} ${inputs[input]}, (${at.y}, ${at.x}): ${exactDigits(tensor.at(row, input, at.y, at.x), tensor.dtype)}`
          : heading;
    });
    canvas.addEventListener("pointerleave", () => (line.textContent = heading));
    detail.replaceChildren(line, canvas);
  }

  /** @param {Tensor} tensor @param {number} row */
  function coloursOf(tensor, row) {
    const range = rangeOf(tensor, row);
    return { ...range, table: /** @type {import("/sdk/colours.js").Table} */ (tables.get(range.map)) };
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!kernels) return null;
    const wanted = parameters();
    return {
      name: `${wanted.layers}-filters`,
      model: "cnn",
      probe: "filters",
      parameters: wanted,
      tensor: kernels,
    };
  }

  store.on(["filters", "filtersOrder", "checkpoint", "range", "palette"], request);
  store.on(["layer", "channel"], select);
  whenNear(panel, (now) => {
    isNear = now;
    request();
  });
}

/** How many tiles stand side by side, so that one can be seen. @param {number} width In CSS pixels. */
function columnsIn(width) {
  if (width > 900) return 32;
  return width > 480 ? 16 : 8;
}

/** The positions of a channel's kernels, the largest first. @param {Tensor} tensor @param {number} row */
function strongestOf(tensor, row) {
  const norms = Array.from({ length: tensor.shape[1] }, (_, at) => norm(tensor.slice(row, at)));
  return norms.map((_, at) => at).sort((one, other) => norms[other] - norms[one]);
}

/** @param {string} text @param {() => void} act */
function chip(text, act) {
  const button = make("button", { type: "button", class: "chip" }, text);
  button.addEventListener("click", act);
  return button;
}

/** @param {string} label @param {HTMLElement[]} chips */
function group(label, chips) {
  return make("div", { class: "chips", role: "group", "aria-label": label }, ...chips);
}
