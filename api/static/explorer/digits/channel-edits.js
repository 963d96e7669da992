/**
 * Edits: what is done to channels of the network, as a text that a link can hold, and as the server
 * reads it: `relu2.3.zero,relu2.7.scale.2`.
 */

/** @typedef {{ layer: string, channel: number, operation: "zero" | "mean" | "scale", amount: number }} Edit */

const MOST = 16;

/**
 * Read edits; what is not one is passed over.
 * @param {string} text
 * @param {import("../context.js").Model} cnn
 * @returns {Edit[]}
 */
export function readEdits(text, cnn) {
  return text
    .split(",")
    .slice(0, MOST)
    .flatMap((part) => {
      const [layer, channel, operation, ...amount] = part.split(".");
      const known = cnn.layers.find(({ name }) => name === layer);
      const at = Number(channel);
      if (!known || !/^\d+$/.test(channel ?? "") || at >= (known.shape[0] ?? 0)) return [];
      if (operation !== "zero" && operation !== "mean" && operation !== "scale") return [];
      const by = Number(amount.join(".") || "1");
      return Number.isFinite(by) ? [{ layer, channel: at, operation, amount: by }] : [];
    });
}

/** @param {Edit[]} edits */
export function writeEdits(edits) {
  return edits
    .slice(-MOST)
    .map(({ layer, channel, operation, amount }) =>
      [layer, channel, operation, ...(operation === "scale" ? [amount] : [])].join("."),
    )
    .join(",");
}

/**
 * Write edits as the body of a request has them.
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

/** What an edit is called. @param {Edit} edit */
export function saidOf({ layer, channel, operation, amount }) {
  const done = { zero: "off", mean: "at its mean", scale: `× ${amount}` }[operation];
  return `${layer} ${channel} ${done}`;
}
