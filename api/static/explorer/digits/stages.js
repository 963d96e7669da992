/** Stages: title, size and explanation of every layer, in the order of the network. */

/** @typedef {import("../context.js").Model} Model */

/** Tensor of the input, which is no layer. */
export const INPUT = "image";
export const OUTPUT = "logits";

/**
 * @typedef {object} Stage
 * @property {string} layer Its output.
 * @property {string} title Operation of the architecture.
 * @property {string} module Module with its kernel; layers of one module have the same channels.
 * @property {string} shape
 * @property {string[]} facts
 * @property {string} says Explanation.
 * @property {number} channels
 * @property {number} columns Tiles of a row.
 * @property {"all" | "same"} reads Channels of the stage before that each channel depends on.
 */

/** @type {Pick<Stage, "layer" | "title" | "module" | "columns" | "reads" | "says">[]} */
const LAYERS = [
  {
    layer: "conv1", title: "Conv 3×3", module: "conv1", columns: 4, reads: "all",
    says: "Weighted sums of each 3×3 patch: blue is positive, red negative.",
  },
  {
    layer: "relu1", title: "ReLU", module: "conv1", columns: 4, reads: "same",
    says: "Each map is bright where the image matches its kernel: strokes and edges.",
  },
  {
    layer: "pool1", title: "Max pool 2×2", module: "conv1", columns: 4, reads: "same",
    says: "Keeps the largest of every 2×2: small shifts matter less.",
  },
  {
    layer: "conv2", title: "Conv 3×3", module: "conv2", columns: 4, reads: "all",
    says: "Each kernel reads all 32 maps at once.",
  },
  {
    layer: "relu2", title: "ReLU", module: "conv2", columns: 4, reads: "same",
    says: "Combinations of edges: ends, bends and corners.",
  },
  {
    layer: "pool2", title: "Max pool 2×2", module: "conv2", columns: 4, reads: "same",
    says: "Halved again: 7×7 positions are left.",
  },
  {
    layer: "conv3", title: "Conv 3×3", module: "conv3", columns: 4, reads: "all",
    says: "Each kernel reads all 64 maps at once.",
  },
  {
    layer: "relu3", title: "ReLU", module: "conv3", columns: 4, reads: "same",
    says: "Larger parts of digits, at 7×7 positions.",
  },
  {
    layer: "dense1", title: "Flatten, dense", module: "dense1", columns: 8, reads: "all",
    says: "Each unit is a weighted sum of all 3,136 values.",
  },
  {
    layer: "relu4", title: "ReLU", module: "dense1", columns: 8, reads: "same",
    says: "Each unit combines all 3,136 values; positions are gone.",
  },
];

const JOINED = /** @type {Record<string, { before: string, title: string }>} */ ({
  relu1: { before: "conv1", title: "Conv 3×3 + ReLU" },
  relu2: { before: "conv2", title: "Conv 3×3 + ReLU" },
  relu3: { before: "conv3", title: "Conv 3×3 + ReLU" },
  relu4: { before: "dense1", title: "Dense + ReLU" },
});

/**
 * List the stages from input to output.
 * @param {Model} cnn
 * @param {boolean} before Whether the values before a ReLU are separate stages.
 * @returns {Stage[]}
 */
export function stagesOf(cnn, before) {
  const entries = new Map(cnn.layers.map((entry) => [entry.name, entry]));
  const inner = Object.values(JOINED).map((joined) => joined.before);
  const shown = LAYERS.filter(({ layer }) => before || !inner.includes(layer));
  const middle = shown.map((one) => {
    const joined = before ? undefined : JOINED[one.layer];
    const { shape, receptive_field: field } = entryOf(entries, one.layer);
    const { parameters } = entryOf(entries, joined?.before ?? one.layer);
    return {
      ...one,
      title: joined?.title ?? one.title,
      reads: joined ? /** @type {const} */ ("all") : one.reads,
      shape: shape.join("×"),
      channels: shape[0] ?? 0,
      facts: [weights(parameters), field ? `sees ${field.size}×${field.size} of the digit` : "sees all of the digit"],
    };
  });
  return [inputStage(), ...middle, outputStage(cnn, entryOf(entries, OUTPUT).parameters)];
}

/** Module with the kernel of a layer. @param {string} layer */
export function moduleOf(layer) {
  return LAYERS.find((one) => one.layer === layer)?.module;
}

/** @param {Map<string, import("../context.js").Layer>} entries @param {string} name */
function entryOf(entries, name) {
  return /** @type {import("../context.js").Layer} */ (entries.get(name));
}

/** @returns {Stage} */
function inputStage() {
  const says = "Brightness of each pixel, from 0 to 1.";
  const size = { shape: "1×28×28", facts: ["784 pixels"], channels: 1, columns: 1 };
  return { layer: INPUT, title: "Input", module: "", says, reads: "all", ...size };
}

/** @param {Model} cnn @param {number} parameters @returns {Stage} */
function outputStage({ classes }, parameters) {
  return {
    layer: OUTPUT,
    title: "Dense + softmax",
    module: "output",
    shape: String(classes.length),
    facts: [weights(parameters), "sees all of the digit"],
    says: "One weighted sum for each digit; softmax turns them into probabilities.",
    channels: classes.length,
    columns: 1,
    reads: "all",
  };
}

/** @param {number} parameters */
function weights(parameters) {
  return parameters ? `${parameters.toLocaleString("en")} parameters` : "no parameters";
}
