/** Filters: the learned kernels of a convolution, by output channel. */

import { ColourBar } from "../../sdk/colour-bar.js";
import { colourMaps, rangeOf } from "../../sdk/colours.js";
import { make } from "../../sdk/dom.js";
import { exactDigits, formatNumber } from "../../sdk/number-format.js";
import { weightsFor } from "../checkpoints.js";
import { part } from "../context.js";
import { addDownloads } from "../downloads.js";
import { latestRequest } from "../latest-request.js";
import { whenNear } from "../lazy-panels.js";
import { convolutionsOf, filterInputs, kernelOf } from "../model-facts.js";
import { rovingTabindex } from "../roving-tabindex.js";
import { drawKernels, inRows, norm, weightAt } from "./kernel-tiles.js";
import { selectedChannel } from "./shown-layers.js";

/** @typedef {import("../../sdk/tensor.js").Tensor} Tensor */

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
  const { lightwell, store, model, announce } = context;
  const body = part(context, "filters-body");
  const panel = /** @type {HTMLElement} */ (body.closest(".panel"));
  const tables = await colourMaps(lightwell);
  const convolutions = convolutionsOf(model);
  const layers = convolutions.map((name) => chip(name, () => store.set({ filters: name })));
  const orders = ORDERS.map(([order, label]) => chip(label, () => store.set({ filtersOrder: order })));
  const bar = new ColourBar();
  const caption = make("p", { class: "quiet" });
  const detail = make("figure", { class: "filter-detail" });
  const grid = make("div", { class: "filter-grid", role: "group", "aria-label": "Filters" });
  body.replaceChildren(
    make("div", { class: "row filters-bar" }, group("Layer", layers), group("Order", orders), bar),
    caption,
    detail,
    grid,
  );
  addDownloads(panel, describe);
  rovingTabindex(grid);

  /** @type {Tensor | null} */
  let kernels = null;
  let lastQuery = "";
  let isNear = false;

  const parameters = () => {
    const { filters, filtersOrder, range, palette } = store.state;
    return {
      ...weightsFor(model, store.state, "filters"),
      layers: convolutions.includes(filters) ? filters : convolutions[0],
      order: filtersOrder === "index" ? "index" : "norm",
      range,
      cmap: palette,
    };
  };

  const send = latestRequest(
    context,
    (/** @type {ReturnType<typeof parameters>} */ query, signal) =>
      lightwell.ask(model.name, "filters", { parameters: query, signal }),
    ({ tensors }, { layers: name }) => {
      if (kernels) announce(`The filters of ${name} are shown.`);
      kernels = /** @type {Tensor} */ (tensors.get(`${name}.kernel`));
      render(kernels, /** @type {Tensor} */ (tensors.get(`${name}.norm`)), name);
    },
    (error) => {
      lastQuery = "";
      caption.textContent = error.message;
    },
  );

  function request() {
    const query = parameters();
    layers.forEach((one, at) => one.setAttribute("aria-pressed", String(convolutions[at] === query.layers)));
    orders.forEach((one, at) => one.setAttribute("aria-pressed", String(ORDERS[at][0] === query.order)));
    if (!isNear || JSON.stringify(query) === lastQuery) return;
    lastQuery = JSON.stringify(query);
    void send(query);
  }

  /** @param {Tensor} tensor @param {Tensor} norms @param {string} name */
  function render(tensor, norms, name) {
    const [, count, height, width] = tensor.shape;
    const isFirst = count === 1;
    const { source, read } = filterInputs(model, name, count);
    const size = `${height} × ${width}`;
    const longest = Math.max(...norms.values);
    bar.range = rangeOf(tensor, 0);
    bar.hidden = tensor.colour?.scope === "channel";
    caption.textContent = isFirst
      ? `${tensor.shape[0]} kernels of ${size}, one for each channel of ${name}. The line under a kernel is its norm.`
      : `${tensor.shape[0]} channels, each with ${count} kernels of ${size}: one for ${count < read ? `each of ${count} of the ${read} channels` : "every channel"} of ${source}. ` +
        (count > STRONGEST ? `The ${STRONGEST} with the largest norm are shown; choose a channel to see all.` : "");
    if (tensor.colour?.scope === "channel") caption.textContent += " Each channel has its own colour range.";
    const cards = tensor.labels("output_channel").map((channel, row) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      const strongest = isFirst ? [0] : byNorm(tensor, row).slice(0, STRONGEST);
      drawKernels(
        canvas,
        strongest.map((at) => tensor.slice(row, at)),
        { columns: isFirst ? 1 : Math.min(4, count), width },
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
      if (isFirst) card.title += `\n${inRows(tensor.slice(row, 0), width)}`;
      card.addEventListener("click", () =>
        store.set({ layer: activatedOf(name), channel: Number(channel) }),
      );
      return card;
    });
    grid.classList.toggle("single", isFirst);
    grid.replaceChildren(...cards);
    markSelected();
  }

  /** Layer that is selected with a filter: the activation of the convolution. @param {string} name */
  function activatedOf(name) {
    const isOwn = (/** @type {import("../context.js").Layer} */ one) => kernelOf(model, one) === name;
    const own = model.layers.filter(isOwn);
    return (own.find(({ kind }) => kind === "post_activation") ?? own[0])?.name ?? name;
  }

  /** Mark the selected channel, if it belongs to this layer. */
  function markSelected() {
    if (!kernels) return;
    const { layer, channel } = selectedChannel(model, store.state);
    const name = kernels.name.replace(".kernel", "");
    const isHere = kernelOf(model, layer) === name;
    for (const card of /** @type {NodeListOf<HTMLElement>} */ (grid.querySelectorAll(".filter"))) {
      card.setAttribute("aria-pressed", String(isHere && Number(card.dataset.channel) === channel));
    }
    const row = kernels.labels("output_channel").indexOf(channel);
    detail.hidden = !isHere || row < 0 || kernels.shape[1] === 1;
    if (!detail.hidden) showKernels(kernels, row, name);
  }

  /** @param {Tensor} tensor @param {number} row @param {string} name */
  function showKernels(tensor, row, name) {
    const order =
      store.state.filtersOrder === "index"
        ? tensor.labels("input_channel").map((_, at) => at)
        : byNorm(tensor, row);
    const inputs = tensor.labels("input_channel");
    const channel = tensor.labels("output_channel")[row];
    const canvas = make("canvas", { role: "img" });
    const [, count, height, width] = tensor.shape;
    const columns = Math.min(columnsIn(grid.clientWidth), count);
    const { source, first } = filterInputs(model, name, count);
    const heading = `${name}, channel ${channel}: all ${order.length} kernels`;
    const line = make("figcaption", { class: "number quiet" }, heading);
    canvas.setAttribute("aria-label", heading);
    // A few kernels as wide as the panel would be enormous.
    canvas.style.maxWidth = `${6 * columns}rem`;
    drawKernels(
      canvas,
      order.map((at) => tensor.slice(row, at)),
      { columns, width },
      coloursOf(tensor, row),
    );
    canvas.addEventListener("pointermove", (event) => {
      const at = weightAt(canvas, event, { columns, width, height });
      const input = at && order[at.tile];
      line.textContent =
        at && input != null
          ? `from ${source} ${first(Number(channel)) + Number(inputs[input])}, (${at.y}, ${at.x}): ${exactDigits(tensor.at(row, input, at.y, at.x), tensor.dtype)}`
          : heading;
    });
    canvas.addEventListener("pointerleave", () => (line.textContent = heading));
    detail.replaceChildren(line, canvas);
  }

  /** @param {Tensor} tensor @param {number} row */
  function coloursOf(tensor, row) {
    const range = rangeOf(tensor, row);
    return { ...range, table: /** @type {import("../../sdk/colours.js").Table} */ (tables.get(range.map)) };
  }

  /** @returns {import("../context.js").View | null} */
  function describe() {
    if (!kernels) return null;
    const query = parameters();
    return {
      name: `${query.layers}-filters`,
      model: model.name,
      probe: "filters",
      parameters: query,
      tensor: kernels,
    };
  }

  store.on(["filters", "filtersOrder", "checkpoint", "range", "palette"], request);
  store.on(["layer", "channel"], markSelected);
  whenNear(panel, (now) => {
    isNear = now;
    request();
  });
}

/** Tiles of a row, so that a tile is large enough to see. @param {number} width In CSS pixels. */
function columnsIn(width) {
  if (width > 900) return 32;
  return width > 480 ? 16 : 8;
}

/** Indices of a channel's kernels, by descending norm. @param {Tensor} tensor @param {number} row */
function byNorm(tensor, row) {
  const norms = Array.from({ length: tensor.shape[1] }, (_, at) => norm(tensor.slice(row, at)));
  return norms.map((_, at) => at).sort((one, other) => norms[other] - norms[one]);
}

/** @param {string} text @param {() => void} onClick */
function chip(text, onClick) {
  const button = make("button", { type: "button", class: "chip" }, text);
  button.addEventListener("click", onClick);
  return button;
}

/** @param {string} label @param {HTMLElement[]} chips */
function group(label, chips) {
  return make("div", { class: "chips", role: "group", "aria-label": label }, ...chips);
}
