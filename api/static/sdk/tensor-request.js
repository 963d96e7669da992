/** Asked tensor: what the attributes of a `<lw-tensor-heatmap>` ask of the server. */

import { Lightwell } from "./client.js";
import { clientOf } from "./dom.js";

/** @typedef {import("./client.js").Image} Image */
/** @typedef {import("./tensor.js").Tensor} Tensor */

/**
 * Ask for the tensor that an element names.
 * @param {Element} element With `probe` and `tensor`, or with `layer`, `channel` and `image`.
 * @param {Image | null} input Asked about instead of the `image`.
 * @param {AbortSignal} signal
 * @returns {Promise<Tensor>}
 */
export function requestTensor(element, input, signal) {
  return element.hasAttribute("probe") ? askProbe(element, signal) : askLayer(element, input, signal);
}

/** @param {Element} element @param {AbortSignal} signal */
async function askProbe(element, signal) {
  const address = element.getAttribute("probe") ?? "";
  const [, model, probe, query = ""] = /^\/?(\w+)\/(\w+)(?:\?(.*))?$/.exec(address) ?? [];
  if (!probe) throw new Error(`“${address}” is not the path of a probe, such as /lstm/gates?sequence=10110.`);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const { tensors } = await clientOf(element).ask(model, probe, { parameters, signal });
  return chosen(tensors, element.getAttribute("tensor") ?? "");
}

/** @param {Element} element @param {Image | null} input @param {AbortSignal} signal */
async function askLayer(element, input, signal) {
  const layer = element.getAttribute("layer") ?? "relu1";
  const parameters = { layers: layer, channels: element.getAttribute("channel") };
  const image = input ?? (await fetched(element, signal));
  const { tensors } = await clientOf(element).activations(image, parameters, { signal });
  return chosen(tensors, layer);
}

/**
 * Fetch the picture at the `image` address: a path is the server's, a whole address any other's.
 * @param {Element} element
 * @param {AbortSignal} signal
 */
async function fetched(element, signal) {
  const url = new URL(element.getAttribute("image") ?? "", `${clientOf(element).server}/`);
  return (await new Lightwell(url.origin).request(url.pathname + url.search, { signal })).blob();
}

/**
 * Return one of an answer's tensors.
 * @param {Map<string, Tensor>} tensors
 * @param {string} name The first where empty.
 */
function chosen(tensors, name) {
  const tensor = name ? tensors.get(name) : tensors.values().next().value;
  if (!tensor) throw new Error(`The answer has no “${name}”; it has ${Array.from(tensors.keys()).join(", ")}.`);
  return tensor;
}
