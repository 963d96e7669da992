/**
 * Channel edits: interventions on channels, as text for links (`relu2.3.zero,relu2.7.scale.2`) and as
 * the `edits` of a request.
 */

/** @typedef {{ layer: string, channel: number, operation: "zero" | "mean" | "scale", amount: number }} Edit */

/** Most edits of one request. */
const MAX_EDITS = 16;

/**
 * Parse edits; invalid ones are skipped.
 * @param {string} text
 * @param {import("../context.js").Model} model
 * @returns {Edit[]}
 */
export function readEdits(text, model) {
  return text
    .split(",")
    .slice(0, MAX_EDITS)
    .flatMap((part) => {
      const [layer, channel, operation, ...amount] = part.split(".");
      const known = model.layers.find(({ name }) => name === layer);
      const at = Number(channel);
      if (!known || !/^\d+$/.test(channel ?? "") || at >= (known.shape[0] ?? 0)) return [];
      if (operation !== "zero" && operation !== "mean" && operation !== "scale") return [];
      const by = Number(amount.join(".") || "1");
      return Number.isFinite(by) ? [{ layer, channel: at, operation, amount: by }] : [];
    });
}

/** Write edits as text for links. @param {Edit[]} edits */
export function writeEdits(edits) {
  return edits
    .slice(-MAX_EDITS)
    .map(({ layer, channel, operation, amount }) =>
      [layer, channel, operation, ...(operation === "scale" ? [amount] : [])].join("."),
    )
    .join(",");
}

/**
 * Write edits as the field `edits` of a request.
 * @param {Edit[]} edits
 */
export function postedEdits(edits) {
  return edits.map(({ layer, channel, operation, amount }) => ({
    layer,
    channels: [channel],
    operation,
    ...(operation === "scale" ? { amount } : {}),
  }));
}

/** Label of an edit. @param {Edit} edit */
export function editLabel({ layer, channel, operation, amount }) {
  const done = { zero: "off", mean: "at its mean", scale: `× ${amount}` }[operation];
  return `${layer} ${channel} ${done}`;
}
