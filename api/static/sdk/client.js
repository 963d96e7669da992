/**
 * Client: requests to a Lightwell server, and its answers as tensors.
 *
 *     import { Lightwell } from "http://127.0.0.1:8000/sdk/lightwell.js";
 *     const lightwell = new Lightwell();
 *     const answer = await lightwell.gates("10110");
 *     answer.tensors.get("forget_gate").at(0, 3);   // step 1, unit 3
 */

import { pause, pauseAfter, retryAfterOf } from "./repeats.js";
import { readSafetensors, tensorsOf } from "./safetensors.js";

/** @typedef {import("./answer-types.js").Measure} Measure */
/** @typedef {import("./answer-types.js").Prediction} Prediction */
/** @typedef {import("./answer-types.js").Reliability} Reliability */
/** @typedef {import("./answer-types.js").Warning} Warning */

/**
 * Answer of a probe; the parameter `include` chooses its parts, and others are undefined or empty.
 * @typedef {object} Answer
 * @property {string} model Name of the network.
 * @property {string} weights SHA-256 of the weights that computed the answer.
 * @property {any} input The network's input: an `ImageInput` or a `SequenceInput` of `answer-types.js`.
 * @property {Prediction} prediction Prediction for the input.
 * @property {Map<string, import("./tensor.js").Tensor>} tensors By name, in the server's order.
 * @property {Map<string, Measure["value"]>} measures By name.
 * @property {Warning[]} warnings Warnings about the input and the result.
 */

/**
 * An image: an encoded PNG or JPEG; rows of integers 0 (background) to 255 (full foreground), or of
 * numbers from 0 to 1 of which some have a fraction; rows of red, green and blue; or a field of the JSON body.
 * @typedef {Blob | number[][] | number[][][] | Uint8Array[] | { pixels: any } | { values: any }} Image
 */

/**
 * Symbols of the network's alphabet, such as bits, oldest first; commas or white space may separate the bits of a
 * text. Rows of numbers are written as a field of the JSON body, `{ sequence: [[0.5, 1], [0, 0.25]] }`.
 * @typedef {string | (string | number)[] | boolean[] | { sequence: any }} Sequence
 */

/** @typedef {Record<string, string | number | readonly (string | number)[] | null | undefined>} Parameters */
/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal] Aborts the request, and the pauses before it is repeated.
 * @property {string} [model] Name of the model; the network of its family that ships with the server where left out.
 * @property {number} [retrySeconds] Most seconds of pauses before retries; those of the client where left out.
 */
/**
 * @typedef {object} ClientOptions
 * @property {string | null} [token] Token of the server, sent as `Authorization: Bearer`; empty or `none` for no token.
 * @property {number} [retrySeconds] Most seconds of pauses before one request is repeated, after a 429 or 503; 0 repeats none.
 * @property {(wait: { error: LightwellError, seconds: number }) => void} [onwait] Called before each pause.
 */
/**
 * @typedef {object} Content
 * @property {Image | Sequence} [input]
 * @property {Parameters} [parameters] Query parameters.
 * @property {Record<string, any>} [extra] Further fields of the JSON body, such as `edits`, or
 *   `initial_state` with `initial_steps`; the input must then be rows of integers or bits.
 * @property {Record<string, any>} [beside] Deprecated name of `extra`.
 */
/** @typedef {Content & Pick<Options, "signal" | "retrySeconds">} RequestOptions */

/** Models of pages that name none: they were written when a server had one network of each family. */
export const DEFAULT_MODELS = { image: "cnn", sequence: "lstm" };

/** Most seconds of pauses before one request is repeated, where the client is not made with others. */
const RETRY_SECONDS = 30;
/** Characters of a token: printable ASCII without blanks. */
const TOKEN = /^[\x21-\x7e]+$/;

/** A problem response of the server, or no response at all. */
export class LightwellError extends Error {
  /**
   * @param {number} status HTTP status; 0 where the server could not be reached.
   * @param {{ type?: string, title?: string, detail?: string, request_id?: string, errors?: any[] }} problem
   * @param {number | null} [retryAfter]
   */
  constructor(status, problem, retryAfter = null) {
    super(problem.detail ?? "The server could not be reached.");
    this.name = "LightwellError";
    this.status = status;
    /** Problem type, such as `invalid-image`; `docs/problems.md` lists them. */
    this.kind = (problem.type ?? "unreachable").replace("urn:lightwell:problem:", "");
    this.title = problem.title ?? "";
    this.requestId = problem.request_id;
    this.errors = problem.errors ?? [];
    /** Seconds after which the server asks for the request again; null where it names none. */
    this.retryAfter = retryAfter;
  }
}

/** Connection to a Lightwell server. */
export class Lightwell {
  /** @type {string} */
  #token;

  /**
   * @param {string} [server] Address; the server of this module where left out.
   * @param {ClientOptions} [options]
   * @throws {TypeError} The token cannot be written into a header.
   */
  constructor(server = new URL("..", import.meta.url).href, { token, retrySeconds = RETRY_SECONDS, onwait } = {}) {
    this.server = server.replace(/\/+$/, "");
    this.retrySeconds = retrySeconds;
    this.onwait = onwait;
    this.#token = token && token !== "none" ? token : "";
    if (this.#token && !TOKEN.test(this.#token)) throw new TypeError("A token has printable ASCII characters without blanks.");
  }

  /** Predicted class of an image. @param {Image} image @param {Parameters} [parameters] @param {Options} [options] */
  predict(image, parameters, { model = DEFAULT_MODELS.image, ...options } = {}) {
    return this.ask(model, "predict", { input: image, parameters, ...options });
  }

  /** Feature maps of every layer. @param {Image} image @param {Parameters} [parameters] @param {Options} [options] */
  activations(image, parameters, { model = DEFAULT_MODELS.image, ...options } = {}) {
    return this.ask(model, "activations", { input: image, parameters, ...options });
  }

  /** Patch, kernel, products and bias of one value of a feature map. @param {Image} image @param {Parameters} parameters `layer`, `channel`, `y`, `x`. @param {Options} [options] */
  pixel(image, parameters, { model = DEFAULT_MODELS.image, ...options } = {}) {
    return this.ask(model, "pixel", { input: image, parameters, ...options });
  }

  /** Learned filters of the convolutions. @param {Parameters} [parameters] @param {Options} [options] */
  filters(parameters, { model = DEFAULT_MODELS.image, ...options } = {}) {
    return this.ask(model, "filters", { parameters, ...options });
  }

  /** Gates and candidate at every step. @param {Sequence} sequence @param {Parameters} [parameters] @param {Options} [options] */
  gates(sequence, parameters, { model = DEFAULT_MODELS.sequence, ...options } = {}) {
    return this.ask(model, "gates", { input: sequence, parameters, ...options });
  }

  /** Gates, candidate, states and logits at every step. @param {Sequence} sequence @param {Parameters} [parameters] @param {Options} [options] */
  trace(sequence, parameters, { model = DEFAULT_MODELS.sequence, ...options } = {}) {
    return this.ask(model, "trace", { input: sequence, parameters, ...options });
  }

  /** Gates and states of a sequence, and the role of each unit. @param {Sequence} sequence @param {Parameters} [parameters] @param {Options} [options] */
  summary(sequence, parameters, { model = DEFAULT_MODELS.sequence, ...options } = {}) {
    return this.ask(model, "summary", { input: sequence, parameters, ...options });
  }

  /**
   * Run any probe of any model.
   * @param {string} model
   * @param {string} probe
   * @param {RequestOptions} [options]
   * @returns {Promise<Answer>}
   */
  async ask(model, probe, { parameters = {}, ...options } = {}) {
    const query = { ...parameters, format: "safetensors" };
    const response = await this.request(`/${model}/${probe}`, { ...options, parameters: query });
    const { document, tensor } = readSafetensors(await response.arrayBuffer());
    return {
      ...document,
      tensors: tensorsOf(document.tensors ?? [], tensor),
      measures: new Map((document.measures ?? []).map((/** @type {Measure} */ one) => [one.name, one.value])),
    };
  }

  /**
   * Run any probe of any model: another name of `ask`.
   * @param {string} model
   * @param {string} probe
   * @param {RequestOptions} [options]
   * @returns {Promise<Answer>}
   */
  probe(model, probe, options) {
    return this.ask(model, probe, options);
  }

  /**
   * Run a probe and get its answer as a file: `png`, `json`, `npz` or `safetensors`.
   * @param {string} model
   * @param {string} probe
   * @param {string} format
   * @param {RequestOptions} [options]
   * @returns {Promise<Blob>}
   */
  async download(model, probe, format, { parameters = {}, ...options } = {}) {
    const query = { ...parameters, format };
    const response = await this.request(`/${model}/${probe}`, { ...options, parameters: query });
    return response.blob();
  }

  /**
   * Get a JSON document that needs no input: `/samples`, `/models/cnn`, `/colormaps`.
   * @param {string} path
   * @param {Parameters} [parameters]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async get(path, parameters = {}, { signal, retrySeconds } = {}) {
    return (await this.request(path, { parameters, signal, retrySeconds })).json();
  }

  /**
   * Sign the address of one `GET`, such as that of a picture: an `<img>` loads it without a token until it expires.
   * @param {string} path Such as `/lstm/gates.png`.
   * @param {Parameters} [parameters] Query parameters of the path.
   * @param {Pick<Options, "signal" | "retrySeconds"> & { seconds?: number }} [options] `seconds` until it expires: an
   *   hour where left out, a week at most.
   * @returns {Promise<string>} URL; it has no signature where the server needs no token.
   */
  async signed(path, parameters = {}, { seconds, ...options } = {}) {
    const query = { path: `${path}${queryOf(parameters)}`, seconds };
    return this.server + (await this.get("/signed", query, options)).path;
  }

  /**
   * Send a request: a POST of the input, or a GET where there is none. While the server is full, or the client over
   * its rate, it is repeated after the seconds of `Retry-After`, as long as `retrySeconds` allows.
   * @param {string} path
   * @param {RequestOptions} [options]
   * @returns {Promise<Response>}
   * @throws {LightwellError} The server refuses the request, or cannot be reached.
   * @throws {DOMException} `AbortError`: the signal was aborted.
   */
  async request(path, { input, parameters = {}, beside, extra = beside, signal, retrySeconds = this.retrySeconds } = {}) {
    if (beside) console.warn("lightwell.js: the option 'beside' is deprecated; its name is 'extra'.");
    const content = input === undefined ? {} : { method: "POST", ...bodyOf(input, extra) };
    const target = `${path}${queryOf(parameters)}`;
    for (let repeats = 0, left = retrySeconds; ; repeats += 1) {
      try {
        return await this.#send(target, { signal, ...content });
      } catch (error) {
        const seconds = error instanceof LightwellError ? pauseAfter(error, repeats, left) : null;
        if (seconds === null) throw error;
        left -= seconds;
        this.onwait?.({ error: /** @type {LightwellError} */ (error), seconds });
        await pause(seconds, signal);
      }
    }
  }

  /**
   * Send one request with the token.
   * @param {string} target Path and query.
   * @param {RequestInit} init
   */
  async #send(target, init) {
    // Another beginning could go on with the name of the host, or name another one, which would get the token.
    if (!/^\/(?![/\\])/.test(target)) throw new TypeError(`The path “${target}” does not begin with one slash.`);
    const headers = new Headers(init.headers);
    if (this.#token) headers.set("Authorization", `Bearer ${this.#token}`);
    let response;
    try {
      response = await fetch(this.server + target, { ...init, headers });
    } catch (error) {
      if (error instanceof DOMException) throw error;
      throw new LightwellError(0, { detail: unreachable(this.server) });
    }
    if (response.ok) return response;
    throw new LightwellError(response.status, await problemOf(response), retryAfterOf(response.headers.get("Retry-After")));
  }
}

/**
 * Sentence for a request without a response: a browser does not tell a page whether the server refused its origin.
 * @param {string} server
 */
function unreachable(server) {
  const { protocol = "", origin = "" } = globalThis.location ?? {}; // which Node.js has not
  if (protocol === "file:") {
    return (
      "This page was opened from a file, and a Lightwell server does not answer requests of such pages unless its setting " +
      "--cors-origins null lets them in. Serve its folder (python -m http.server 8080) and open http://127.0.0.1:8080."
    );
  }
  if (!origin || new URL(server).origin === origin) return "The server could not be reached.";
  return (
    `The server ${server} could not be reached, or does not answer pages of ${origin}: its setting ` +
    `--cors-origins ${origin} lets them in.`
  );
}

/**
 * Write parameters as a query string; lists are comma-separated, null is left out.
 * @param {Parameters} parameters
 */
export function queryOf(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null);
  if (!given.length) return "";
  const written = given.map(([name, value]) => `${name}=${[value].flat().map((one) => encodeURIComponent(String(one))).join(",")}`);
  return `?${written.join("&")}`;
}

/**
 * Write an input as a request body.
 * @param {Image | Sequence} input
 * @param {Record<string, any>} [extra]
 * @returns {RequestInit}
 * @throws {TypeError} A `Blob` is the whole body.
 */
function bodyOf(input, extra) {
  if (input instanceof Blob) {
    if (extra) throw new TypeError("An image with extra fields is rows of pixels, not a Blob.");
    return { body: input, headers: { "Content-Type": input.type || "image/png" } };
  }
  return { body: JSON.stringify({ ...fieldOf(input), ...extra }), headers: { "Content-Type": "application/json" } };
}

/** Field of a JSON body for an input. @param {Exclude<Image, Blob> | Sequence} input */
function fieldOf(input) {
  if (!Array.isArray(input)) return typeof input === "string" ? { sequence: input } : input;
  if (typeof input[0] !== "object") return { sequence: input };
  return { pixels: /** @type {Uint8Array[]} */ (input).map((row) => Array.from(row)) };
}

/**
 * Read the problem document of a response; other servers, such as proxies, may send none.
 * @param {Response} response
 */
async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { detail: `The server answered ${response.status}.` };
  }
}
