/**
 * Lightwell SDK: the client and the custom elements, loaded by one script tag.
 *
 *     <script type="module" src="http://127.0.0.1:8000/sdk/lightwell.js"></script>
 *     <lw-gate-trace sequence="1011001110"></lw-gate-trace>
 */

export { Lightwell, LightwellError } from "./client.js";
export { colourMaps } from "./colours.js";
export { Tensor } from "./tensor.js";
export { AnswerBars } from "./answer-bars.js";
export { AttributionMap } from "./attribution-map.js";
export { ColourBar } from "./colour-bar.js";
export { DigitPad } from "./digit-pad.js";
export { GateTrace } from "./gate-trace.js";
export { setElementClient } from "./server-element.js";
export { TensorHeatmap } from "./tensor-heatmap.js";
