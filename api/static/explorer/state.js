/**
 * State: every value that a link to the page must restore, kept in the fragment of the URL.
 *
 * Browsers do not send the fragment to the server, so drawings stay in the browser. Values equal to
 * their defaults are left out, so that links are short.
 */

/** State of the page when it opens; each value keeps the type of its default. */
export const DEFAULTS = {
  view: "", // digits, sequences or findings; empty for the first of the server
  // The networks on display; empty for the first of the server.
  imageModel: "",
  sequenceModel: "",
  // The picture: a test sample or pixels (base64url), with strokes (base64url) drawn on top.
  sample: 0,
  pixels: "",
  strokes: "",
  preprocess: "mnist", // or "none"; of other networks than those of digits: their preparation, or "none"
  // Side B of the comparison: a test sample or pixels, a channel, weights, or a network.
  compareBy: "input", // or "channel", "checkpoint", "network"
  otherSample: -1,
  otherPixels: "",
  otherLayer: "", // empty for the layer of A
  otherChannel: -1, // -1: the channel of A, or the one after it in the same layer
  otherCheckpoint: "", // `final` for the weights after training; empty for the earliest
  otherModel: "", // empty for the first other one
  // The selected layer, channel and value.
  layer: "", // empty for the first of the network's columns
  channel: -1, // -1: one with much contrast, chosen at the first answer
  y: -1, // -1: no value is pinned
  x: -1,
  find: "", // question whose channels are listed, such as "responds to 7 in relu2"
  forward: -1, // position of the layer's forward pass; -1: it is closed
  before: false, // also show the values before the ReLU
  filters: "", // layer with the kernels; empty for the first
  filtersOrder: "norm", // or "index"
  checkpoint: "", // training checkpoint, such as `round-1`, of every panel; empty for the served weights
  panel: "", // panel below the network; empty for the first
  layersView: 0, // index of the picture in the panel `layers`
  // The map of the embedding.
  mapAcross: 0, // principal axis from left to right
  mapUpward: 1,
  mapClass: -1, // class whose test images are shown; -1: all
  // Pixel attribution.
  method: "integrated_gradients",
  target: -1, // -1: the predicted digit
  against: -1, // contrast class; -1: none
  camLayer: "", // empty for the last with maps
  baseline: "black", // white, mean, blur
  // Channel interventions: `relu2.3.zero,relu2.7.scale.2`.
  edits: "",
  // Colours.
  palette: "viridis", // cividis, gray
  range: "layer", // channel, fixed
  // The sequence.
  sequence: "1001001101101110", // symbols, or rows of numbers: "0.5,1;0,0.25"
  step: 16,
  unit: 3, // whose gates move; unit 0, the counter, has constant gates
  findUnit: "", // question whose units are listed, such as "follows the count"
  order: "role", // or "index"
  recurrent: "", // recurrent layer whose step is shown in numbers; empty for the first
  part: -1, // part of the step that is shown by itself: a gate, a state or the answer; -1: none
  bitMethod: "decomposition",
  gateEdit: "", // `forget_gate.0` sets the gate to 0
  gateUnits: "all", // or "unit": the followed one
  gateSteps: "step", // the followed step; until, all
  counterView: 0,
  sequenceCheckpoint: "", // as `checkpoint`
  source: "", // second sequence of the patching; empty for the first one with another first step
  patched: "cell", // or "hidden"
  weightsLayer: "", // layer with the weights; empty for all
  sequencePanel: "", // panel below the lanes; empty for the first
  // Side B of the comparison: a sequence, a unit, weights, or a network.
  sequenceCompareBy: "input", // or "unit", "checkpoint", "network"
  otherSequence: "", // empty for that of A with another first step
  otherUnit: -1, // -1: the one after that of A
  otherSequenceCheckpoint: "",
  otherSequenceModel: "",
  comparedValue: "", // lane; empty for the cell state, or the first state
  // The tour of the network.
  tour: 0, // its step, from 1 on; 0: none
  present: false, // presenter mode
  // The page itself.
  theme: "", // light, dark; empty for the system's
};

/** @typedef {typeof DEFAULTS} State */
/** @typedef {keyof State} Key */
