/** Tour parts: the elements of the page that a tour may outline, by their names in `tour.toml`. */

/** Selectors of the parts of a view. @type {Record<string, Record<string, string>>} */
export const PARTS = {
  digits: {
    samples: "#samples",
    pad: "#pad",
    seen: "#sees",
    network: "#network-columns",
    answer: "#digit-bars",
    channels: ".channel-picker .stepper",
    map: ".inspector-map",
    value: ".inspector-value",
    "receptive-field": ".inspector-input",
    kernel: ".inspector-kernel",
    arithmetic: "#arithmetic",
    sum: ".arithmetic-sum",
    tabs: ".tabs",
    panel: ".tabbed > .panel",
    attribution: ".picture-overlay",
    examples: ".unit-strongest",
  },
  sequences: {
    sequence: ".bit-grid",
    answer: "#sequence-bars",
    steps: "#lanes .transport",
    units: ".units-bar",
    lanes: "lw-gate-trace",
    gates: ".cell-numbers .gates",
    "new-cell": ".cell-numbers .equation",
    "new-hidden": ".cell-numbers .equation:last-of-type",
    "so-far": ".step-bars",
    tabs: ".tabs",
    panel: ".tabbed > .panel",
  },
};

/**
 * Element of a part; null while it is not on the page.
 * @param {string} view
 * @param {string} outline Name of a part; of a layer or a lane with that of a value of the network.
 * @returns {HTMLElement | null}
 */
export function elementOf(view, outline) {
  const [part, name] = outline.split(" ");
  const section = document.getElementById(view);
  if (!section) return null;
  if (part === "lane") return laneOf(section, name);
  const selector = part === "layer" ? `.stage[data-layer="${CSS.escape(name)}"]` : PARTS[view]?.[part];
  const found = /** @type {HTMLElement[]} */ (Array.from(selector ? section.querySelectorAll(selector) : []));
  return found.find((one) => one.checkVisibility()) ?? null;
}

/** Plot of a lane. @param {HTMLElement} section @param {string} name @returns {HTMLElement | null} */
function laneOf(section, name) {
  const trace = /** @type {import("../../sdk/gate-trace.js").GateTrace | null} */ (section.querySelector("lw-gate-trace"));
  const plots = /** @type {HTMLElement[]} */ (Array.from(trace?.shadowRoot?.querySelectorAll(".grid > .plot") ?? []));
  // The first plot is the axis.
  return plots[(trace?.values.split(",").indexOf(name) ?? -1) + 1 || plots.length] ?? null;
}
