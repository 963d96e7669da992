/** Types of the parts of an answer, with a description of every field. No module loads this one. */

/**
 * Prediction for an input.
 * @typedef {object} Prediction
 * @property {number} label Index of the predicted class, from 0.
 * @property {string} name Name of the predicted class, such as `7` or `yes`.
 * @property {number[]} probabilities Softmax of the logits, one for each class; their sum is 1.
 * @property {number[]} logits Outputs of the last layer, one for each class.
 * @property {number[]} [calibrated] Calibrated probabilities, one for each class; absent where no temperature was fitted.
 * @property {Reliability} [reliability] How often such predictions are right; absent without a calibration or with a warning.
 */

/**
 * Accuracy on the MNIST test images whose largest probability is in an interval.
 * @typedef {object} Reliability
 * @property {number} low Lower limit of the probability, included.
 * @property {number} high Upper limit, excluded unless it is 1.
 * @property {number} images Number of these images.
 * @property {number} right Number of these images that are predicted correctly.
 * @property {string} sentence The same in words, with a confidence interval.
 */

/**
 * Scalar or word that a probe has measured.
 * @typedef {object} Measure
 * @property {string} name Name of the measure, such as `delta`.
 * @property {number | string | boolean | null} value Null where it is not defined.
 * @property {string} unit Unit of the value, such as `logit`; empty for words and pure numbers.
 */

/**
 * Warning about an input or a result.
 * @typedef {object} Warning
 * @property {string} code Kind of the warning, such as `blank` or `incomplete`.
 * @property {string} message Sentence for the reader.
 */

/**
 * Image as the network read it, after preprocessing.
 * @typedef {object} ImageInput
 * @property {any} [pixels] Rows of integers, 0 (background) to 255 (full foreground), or of red, green and blue; valid as an input.
 * @property {any} [values] Posted `values`, which the network read as they were.
 * @property {Record<string, any>} preparation Record of the preprocessing; `steps` has it in sentences.
 */

/**
 * Sequence as the network read it.
 * @typedef {object} SequenceInput
 * @property {string | string[] | number[][]} sequence Symbols, oldest first: a text, a list, or rows of numbers.
 * @property {number} length Number of steps.
 * @property {number} [ones] Number of 1s; absent where the symbols are not 0 and 1.
 * @property {"zero" | "given"} initial_state State before the first step.
 * @property {number} [initial_steps] Steps before a given initial state; absent where they are unknown.
 */

export {};
