/**
 * Context: what every part of the page is given.
 *
 * @typedef {object} Context
 * @property {import("/sdk/client.js").Lightwell} lightwell The server.
 * @property {import("./state.js").Store} store What is shown; every part reads and changes it here.
 * @property {(text: string) => void} announce Says a sentence to those who listen to the page.
 * @property {Model} cnn
 * @property {Model} lstm
 */

/**
 * A resident model, as `GET /models` describes it.
 * @typedef {object} Model
 * @property {string} name
 * @property {string} title
 * @property {string[]} classes
 * @property {number} parameters
 * @property {string} weights
 * @property {string} device
 * @property {Layer[]} layers
 * @property {string[]} checkpoints The network as it was during training, the earliest first.
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
 *   sees the `size` input rows from stride·i − offset on; null where it sees everything.
 */

/**
 * What a panel shows, so that it can be asked for again: downloaded, or from somebody's own code.
 * @typedef {object} View
 * @property {string} name Stem of the file name.
 * @property {"cnn" | "lstm"} model
 * @property {string} probe
 * @property {import("/sdk/client.js").Parameters} parameters
 * @property {import("/sdk/client.js").Image | import("/sdk/client.js").Sequence} [input] As it was
 *   posted; left out where the probe is about the weights.
 * @property {{ sample: number } | { pixels: number[][] } | { sequence: string }} [written] How code
 *   writes the input down: a test sample, the 28×28 that the network saw, or bits.
 * @property {import("/sdk/tensor.js").Tensor} [tensor] The one that is shown, where it is one.
 */

export {};
