/** Server element: base of the custom elements that send requests, and the clients that they send them with. */

import { Lightwell } from "./client.js";

/** Clients by the address of their server, and by the token where an element has one of its own. @type {Map<string, Lightwell>} */
const clients = new Map();

/** Custom element with the attribute `server`, and with `token` as an attribute or a property. */
export class ServerElement extends HTMLElement {
  /** @type {string | null} */
  #token = null;

  constructor() {
    super();
    // A token that was set before this class was defined is a property of the element itself.
    if (!Object.hasOwn(this, "token")) return;
    const { token } = this;
    Reflect.deleteProperty(this, "token");
    this.#token = token ?? null;
  }

  /** Token of the server; the property is not written into the document, as the attribute is. */
  get token() {
    return this.#token ?? this.getAttribute("token") ?? "";
  }

  /** @param {string | null | undefined} token */
  set token(token) {
    const before = this.token;
    this.#token = token ?? null;
    if (this.token !== before) this.attributeChangedCallback("token", null, null);
  }

  /**
   * @param {string} _name
   * @param {string | null} _before
   * @param {string | null} _value
   */
  attributeChangedCallback(_name, _before, _value) {}
}

/**
 * Set the client of all elements that call its server and have no token of their own.
 * @param {Lightwell} lightwell
 */
export function setElementClient(lightwell) {
  clients.set(lightwell.server, lightwell);
}

/**
 * Client of an element, by its server and token; an element inside another one has that of its host.
 * @param {Element} element
 * @returns {Lightwell}
 */
export function clientOf(element) {
  const root = element.getRootNode();
  if (root instanceof ShadowRoot && root.host instanceof ServerElement) return clientOf(root.host);
  const address = (element.getAttribute("server") || new URL("..", import.meta.url).href).replace(/\/+$/, "");
  const token = element instanceof ServerElement ? element.token : "";
  const key = token ? `${address} ${token}` : address;
  const client = clients.get(key) ?? new Lightwell(address, { token });
  clients.set(key, client);
  return client;
}

/**
 * Sentence that an element shows for an error; that of a missing token names the property that sets it.
 * @param {unknown} error
 * @param {Element} element
 */
export function sentenceOf(error, element) {
  const { kind, message } = /** @type {import("./client.js").LightwellError} */ (error);
  if (kind !== "unauthorised") return message;
  const hasToken = element instanceof ServerElement && element.token;
  if (hasToken) return "The server refuses the token of this element.";
  return "The server needs a token: the property or attribute “token” of this element sets it.";
}
