/** `<lw-colour-bar>`: legend of a colour map, with the values at its ends and middle. */

import { colourMaps, paint } from "./colours.js";
import { make, sheet, TOKENS } from "./dom.js";
import { formatNumber } from "./number-format.js";
import { clientOf, sentenceOf, ServerElement } from "./server-element.js";

const STYLE = sheet(`${TOKENS}
  :host { display: inline-block; min-width: 8rem; font-size: .75rem; }
  canvas { display: block; width: 100%; height: .5rem; border-radius: 2px; image-rendering: pixelated; }
  div { display: flex; justify-content: space-between; color: var(--_muted); font-family: var(--_mono); margin-top: .15rem; }
`);

/** Set `range` to a result of `rangeOf`. */
export class ColourBar extends ServerElement {
  #canvas = make("canvas", { width: 256, height: 1 });
  #numbers = make("div");

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.append(this.#canvas, this.#numbers);
  }

  connectedCallback() {
    this.setAttribute("role", "img");
  }

  /** @param {{ map: string, low: number, high: number }} range */
  set range({ map, low, high }) {
    const middle = map === "RdBu" ? 0 : (low + high) / 2;
    const ends = [low, middle, high].map((value) => formatNumber(value));
    this.#numbers.replaceChildren(...ends.map((text) => make("span", {}, text)));
    this.setAttribute("aria-label", `Colours from ${ends[0]} to ${ends[2]}, ${map}`);
    void this.#paint(map);
  }

  /** @param {string} map */
  async #paint(map) {
    try {
      const table = (await colourMaps(clientOf(this))).get(map);
      const steps = Array.from({ length: 256 }, (_, index) => index);
      if (table) this.#canvas.getContext("2d")?.putImageData(paint(steps, 256, 0, 255, table), 0, 0);
    } catch (error) {
      this.#numbers.replaceChildren(sentenceOf(error, this));
    }
  }
}

customElements.define("lw-colour-bar", ColourBar);
