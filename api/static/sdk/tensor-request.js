/** Tensor request: from the attributes of a `<lw-tensor-heatmap>` to a tensor of the server's answer. */

import { DEFAULT_MODELS, Lightwell } from "./client.js";
import { clientOf } from "./server-element.js";

/** @typedef {import("./client.js").Image} Image */
/** @typedef {import("./tensor.js").Tensor} Tensor */

/**
 * Request the tensor that the attributes of an element name.
 * @param {Element} element With `probe` and `tensor`, or with `model`, `layer`, `channel` and `image`.
 * @param {Image | null} input Posted instead of the `image`.
 * @param {AbortSignal} signal
 * @returns {Promise<Tensor>}
 */
export function requestTensor(element, input, signal) {
  return element.hasAttribute("probe") ? probeTensor(element, signal) : layerTensor(element, input, signal);
}

/** @param {Element} element @param {AbortSignal} signal */
async function probeTensor(element, signal) {
  const address = element.getAttribute("probe") ?? "";
  const [, model, probe, query = ""] = /^\/?([\w-]+)\/(\w+)(?:\?(.*))?$/.exec(address) ?? [];
  if (!probe) throw new Error(`“${address}” is not the path of a probe; a valid one is /lstm/gates?sequence=10110.`);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const { tensors } = await clientOf(element).ask(model, probe, { parameters, signal });
  return namedTensor(tensors, element.getAttribute("tensor") ?? "");
}

/** @param {Element} element @param {Image | null} input @param {AbortSignal} signal */
async function layerTensor(element, input, signal) {
  const model = element.getAttribute("model") ?? DEFAULT_MODELS.image;
  const layer = element.getAttribute("layer") ?? (await firstActivation(element, model));
  const parameters = { layers: layer, channels: element.getAttribute("channel") };
  const image = input ?? (await fetchImage(element, signal));
  const { tensors } = await clientOf(element).activations(image, parameters, { model, signal });
  return namedTensor(tensors, layer);
}

/**
 * Layer of an element that names none: the first activation, or the first layer.
 * @param {Element} element
 * @param {string} model
 */
async function firstActivation(element, model) {
  const { layers } = await clientOf(element).get(`/models/${model}`);
  return (layers.find((/** @type {{ kind: string }} */ one) => one.kind === "post_activation") ?? layers[0]).name;
}

/**
 * Fetch the `image`: a path is resolved against the server, an absolute URL is fetched as it is, without the token.
 * @param {Element} element
 * @param {AbortSignal} signal
 */
export async function fetchImage(element, signal) {
  const client = clientOf(element);
  const server = new URL(`${client.server}/`);
  const image = element.getAttribute("image") ?? "";
  // A path of a server that is mounted below another path, without that one. Two slashes begin with a host.
  const isPath = /^\/(?![/\\])/.test(image) && !image.startsWith(server.pathname);
  const url = new URL(isPath ? client.server + image : image, server);
  // The token is for its server alone.
  const isOwn = url.origin === server.origin && url.pathname.startsWith(server.pathname);
  const [source, path] = isOwn ? [client, url.pathname.slice(server.pathname.length - 1)] : [new Lightwell(url.origin), url.pathname];
  return (await source.request(path + url.search, { signal })).blob();
}

/**
 * One tensor of an answer, by name.
 * @param {Map<string, Tensor>} tensors
 * @param {string} name Empty for the first.
 */
function namedTensor(tensors, name) {
  const tensor = name ? tensors.get(name) : tensors.values().next().value;
  if (!tensor) throw new Error(`The answer has no tensor “${name}”; its tensors are ${Array.from(tensors.keys()).join(", ")}.`);
  return tensor;
}
