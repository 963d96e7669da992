/**
 * Client: what a page asks a Lightwell server, with the answers as tensors.
 *
 *     import { Lightwell } from "http://127.0.0.1:8000/sdk/lightwell.js";
 *     const lightwell = new Lightwell();
 *     const answer = await lightwell.gates("10110");
 *     answer.tensors.get("forget_gate").at(0, 3);   // step 1, unit 3
 */

import { readSafetensors, tensorsOf } from "./safetensors.js";

/**
 * @typedef {object} Prediction
 * @property {number} label
 * @property {string} name
 * @property {number[]} probabilities Softmax of the logits.
 * @property {number[]} logits
 */

/** @typedef {{ name: string, value: number | string | boolean | null, unit: string }} Measure */
/** @typedef {{ code: string, message: string }} Warning */

/**
 * @typedef {object} Answer
 * @property {string} model
 * @property {string} weights SHA-256 of the weights that answered.
 * @property {any} input What the network really saw: `pixels` and `preparation`, or `sequence`.
 * @property {Prediction} prediction
 * @property {Map<string, import("./tensor.js").Tensor>} tensors By name, in the server's order.
 * @property {Map<string, Measure["value"]>} measures By name.
 * @property {Warning[]} warnings
 */

/**
 * An image: an encoded PNG or JPEG, or rows of integers 0 (ground) to 255 (full ink).
 * @typedef {Blob | number[][] | Uint8Array[]} Image
 */

/**
 * Bits, oldest first.
 * @typedef {string | (0 | 1)[]} Sequence
 */

/** @typedef {Record<string, string | number | readonly (string | number)[] | null | undefined>} Parameters */
/** @typedef {{ signal?: AbortSignal }} Options */
/**
 * @typedef {object} Asked
 * @property {Image | Sequence} [input]
 * @property {Parameters} [parameters]
 * @property {Record<string, any>} [beside] What is posted beside the input, such as `edits`; the
 *   input is then rows of integers or bits.
 */
/** @typedef {Asked & Options} Question */

/** An answer that says no, in the server's words. */
export class LightwellError extends Error {
  /**
   * @param {number} status HTTP status; 0 where the server could not be reached.
   * @param {{ type?: string, detail?: string, request_id?: string, errors?: any[] }} problem
   */
  constructor(status, problem) {
    super(problem.detail ?? "The server could not be reached.");
    this.name = "LightwellError";
    this.status = status;
    /** Such as `invalid-image`; the server's `docs/problems.md` lists them. */
    this.kind = (problem.type ?? "unreachable").replace("urn:lightwell:problem:", "");
    this.requestId = problem.request_id;
    this.errors = problem.errors ?? [];
  }
}

/** A Lightwell server. */
export class Lightwell {
  /** @param {string} [server] Its address; the one that this module came from where left out. */
  constructor(server = new URL("..", import.meta.url).href) {
    this.server = server.replace(/\/+$/, "");
  }

  /** Which digit an image shows. @param {Image} image @param {Parameters} [parameters] @param {Options} [options] */
  predict(image, parameters, options) {
    return this.ask("cnn", "predict", { input: image, parameters, ...options });
  }

  /** Feature maps of every layer. @param {Image} image @param {Parameters} [parameters] @param {Options} [options] */
  activations(image, parameters, options) {
    return this.ask("cnn", "activations", { input: image, parameters, ...options });
  }

  /** The arithmetic of one output pixel. @param {Image} image @param {Parameters} parameters `layer`, `channel`, `y`, `x`. @param {Options} [options] */
  pixel(image, parameters, options) {
    return this.ask("cnn", "pixel", { input: image, parameters, ...options });
  }

  /** The learned filters. @param {Parameters} [parameters] @param {Options} [options] */
  filters(parameters, options) {
    return this.ask("cnn", "filters", { parameters, ...options });
  }

  /** Gates and candidate at every step. @param {Sequence} sequence @param {Parameters} [parameters] @param {Options} [options] */
  gates(sequence, parameters, options) {
    return this.ask("lstm", "gates", { input: sequence, parameters, ...options });
  }

  /** Gates, candidate, states and logits at every step. @param {Sequence} sequence @param {Parameters} [parameters] @param {Options} [options] */
  trace(sequence, parameters, options) {
    return this.ask("lstm", "trace", { input: sequence, parameters, ...options });
  }

  /** What each unit does. @param {Sequence} sequence @param {Parameters} [parameters] @param {Options} [options] */
  summary(sequence, parameters, options) {
    return this.ask("lstm", "summary", { input: sequence, parameters, ...options });
  }

  /**
   * Ask any probe of any model.
   * @param {string} model
   * @param {string} probe
   * @param {Question} [question]
   * @returns {Promise<Answer>}
   */
  async ask(model, probe, { input, parameters = {}, beside, signal } = {}) {
    const query = { ...parameters, format: "safetensors" };
    const response = await this.request(`/${model}/${probe}`, { input, parameters: query, beside, signal });
    const { document, tensor } = readSafetensors(await response.arrayBuffer());
    return {
      ...document,
      tensors: tensorsOf(document.tensors, tensor),
      measures: new Map(document.measures.map((/** @type {Measure} */ one) => [one.name, one.value])),
    };
  }

  /**
   * Ask for the same in another form: `png`, `json`, `npz` or `safetensors`.
   * @param {string} model
   * @param {string} probe
   * @param {string} format
   * @param {Question} [question]
   * @returns {Promise<Blob>}
   */
  async download(model, probe, format, { input, parameters = {}, beside, signal } = {}) {
    const query = { ...parameters, format };
    const response = await this.request(`/${model}/${probe}`, { input, parameters: query, beside, signal });
    return response.blob();
  }

  /**
   * Get what needs no input: `/samples`, `/models/cnn`, `/colormaps`.
   * @param {string} path
   * @param {Parameters} [parameters]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async get(path, parameters = {}, { signal } = {}) {
    return (await this.request(path, { parameters, signal })).json();
  }

  /**
   * Send a request: a GET where there is no input, else a POST of it.
   * @param {string} path
   * @param {Question} [question]
   * @returns {Promise<Response>}
   * @throws {LightwellError} The server says no, or cannot be reached.
   * @throws {DOMException} `AbortError`: the signal was raised.
   */
  async request(path, { input, parameters = {}, beside, signal } = {}) {
    /** @type {RequestInit} */
    const init = { signal, ...(input === undefined ? {} : { method: "POST", ...bodyOf(input, beside) }) };
    let response;
    try {
      response = await fetch(`${this.server}${path}${queryOf(parameters)}`, init);
    } catch (error) {
      if (error instanceof DOMException) throw error;
      throw new LightwellError(0, {});
    }
    if (!response.ok) throw new LightwellError(response.status, await problemOf(response));
    return response;
  }
}

/**
 * Write parameters as a query; lists are comma-separated, what is null is left out.
 * @param {Parameters} parameters
 */
export function queryOf(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null);
  if (!given.length) return "";
  const written = given.map(([name, value]) => `${name}=${[value].flat().map((one) => encodeURIComponent(String(one))).join(",")}`);
  return `?${written.join("&")}`;
}

/**
 * Write an input as a body.
 * @param {Image | Sequence} input
 * @param {Record<string, any>} [beside]
 * @returns {RequestInit}
 */
function bodyOf(input, beside) {
  if (input instanceof Blob) {
    return { body: input, headers: { "Content-Type": input.type || "image/png" } };
  }
  const isImage = Array.isArray(input) && typeof input[0] === "object";
  const value = isImage
    ? { pixels: /** @type {Uint8Array[]} */ (input).map((row) => Array.from(row)) }
    : { sequence: input };
  return { body: JSON.stringify({ ...value, ...beside }), headers: { "Content-Type": "application/json" } };
}

/**
 * Read why the server says no.
 * @param {Response} response
 */
async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { detail: `The server answered ${response.status}.` };
  }
}
