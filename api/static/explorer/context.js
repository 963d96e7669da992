/**
 * Context: server, state, model and place in the page, passed to every panel.
 *
 * @typedef {object} Context
 * @property {import("../sdk/client.js").Lightwell} lightwell The server.
 * @property {import("./store.js").StateStore} store State of the page; panels share values only through it.
 * @property {(text: string) => void} announce Has a sentence read out by screen readers.
 * @property {Model} model The model on display.
 * @property {Model[]} models All resident models.
 * @property {HTMLElement} root The chapter.
 * @property {AbortSignal} signal Aborted when another model is chosen.
 */

/**
 * A resident model, as `GET /models` describes it.
 * @typedef {object} Model
 * @property {string} name
 * @property {string} title
 * @property {string} task
 * @property {"image" | "sequence"} input
 * @property {InputDetails} details
 * @property {string[]} classes
 * @property {number} parameters
 * @property {string} weights
 * @property {string} device
 * @property {Layer[]} layers
 * @property {Probe[]} probes
 * @property {string[]} checkpoints Names of other weights: training checkpoints, the earliest first, then the rest.
 * @property {boolean} shipped Whether the network ships with the server.
 * @property {Record<string, any>} training
 * @property {number} tour Steps of its tour; 0 without one.
 */

/**
 * @typedef {object} InputDetails
 * @property {number | null} [height]
 * @property {number | null} [width]
 * @property {number | null} [channels]
 * @property {string | null} [prepare] Default of the parameter `preprocess`.
 * @property {string[] | null} [alphabet] Symbols in the order of their indices.
 * @property {string | null} [encoding] Encoding of a symbol: `number`, its index; `one-hot` or `embed`.
 * @property {number | null} [features] Numbers of a row.
 */

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} kind
 * @property {string[]} axes
 * @property {(number | null)[]} shape
 * @property {number} parameters
 * @property {string} layer Declared layer whose value it is; a recurrent layer has several values.
 * @property {string} operation Line of the declared layer, such as `conv 16 5x5`.
 * @property {string[]} inputs Values that it reads; `input` is the network's input.
 * @property {Field | null} receptive_field Along the rows; null where it is the whole image.
 * @property {Field | null} [receptive_field_columns] Along the columns; null where it is that along the rows.
 */

/** @typedef {{ size: number, stride: number, offset: number }} Field Output row i depends on the `size` input rows from stride·i − offset on. */

/** @typedef {{ name: string, path: string, parameters: any }} Probe `parameters` is the JSON schema of the query. */

/**
 * Request of a panel, for its downloads and for the code to copy.
 * @typedef {object} View
 * @property {string} name File name without its extension.
 * @property {string} model
 * @property {string} probe
 * @property {import("../sdk/client.js").Parameters} parameters
 * @property {import("../sdk/client.js").Image | import("../sdk/client.js").Sequence} [input] Posted
 *   input; left out for probes of the weights.
 * @property {{ sample: number } | { pixels: any } | { sequence: any }} [written] Input in
 *   copied code: index of a test sample, the pixels of the network's input, or a sequence.
 * @property {Record<string, any>} [extra] Extra fields of the body, next to the input.
 * @property {import("../sdk/tensor.js").Tensor} [tensor] Tensor on display, if it is a single one.
 */

/**
 * Place in a chapter by its id.
 * @param {{ root: HTMLElement }} context
 * @param {string} id
 */
export function part({ root }, id) {
  return /** @type {HTMLElement} */ (root.querySelector(`#${id}`));
}
