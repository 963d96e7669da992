/**
 * Context: server, state and models, passed to every panel.
 *
 * @typedef {object} Context
 * @property {import("/sdk/client.js").Lightwell} lightwell The server.
 * @property {import("./state.js").Store} store State of the page; panels share values only through it.
 * @property {(text: string) => void} announce Has a sentence read out by screen readers.
 * @property {Model} cnn
 * @property {Model} lstm
 */

/**
 * A loaded model, as `GET /models` describes it.
 * @typedef {object} Model
 * @property {string} name
 * @property {string} title
 * @property {string[]} classes
 * @property {number} parameters
 * @property {string} weights
 * @property {string} device
 * @property {Layer[]} layers
 * @property {string[]} checkpoints Names of other weights: training checkpoints, the earliest first, then the rest.
 * @property {Record<string, any>} training
 */

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} kind
 * @property {string[]} axes
 * @property {(number | null)[]} shape
 * @property {number} parameters
 * @property {{ size: number, stride: number, offset: number } | null} receptive_field Output row i
 *   depends on the `size` input rows from stride·i − offset on; null where it depends on all.
 */

/**
 * Request of a panel, for its downloads and for the code to copy.
 * @typedef {object} View
 * @property {string} name File name without its extension.
 * @property {"cnn" | "lstm"} model
 * @property {string} probe
 * @property {import("/sdk/client.js").Parameters} parameters
 * @property {import("/sdk/client.js").Image | import("/sdk/client.js").Sequence} [input] Posted
 *   input; left out for probes of the weights.
 * @property {{ sample: number } | { pixels: number[][] } | { sequence: string }} [written] Input in
 *   copied code: index of a test sample, the 28×28 pixels of the network's input, or bits.
 * @property {import("/sdk/tensor.js").Tensor} [tensor] Tensor on display, if it is a single one.
 */

export {};
