/**
 * `<lw-answer-bars>`: the answer of a network, a bar for the probability of each class.
 *
 *     <lw-answer-bars image="/samples/0.png"></lw-answer-bars>
 *     <lw-answer-bars sequence="10110"></lw-answer-bars>
 */

import { make, sheet, TOKENS } from "./dom.js";
import { formatNumber, formatPercent } from "./number-format.js";
import { ERROR_STYLE, ProbeElement } from "./probe-element.js";

const STYLE = sheet(`${TOKENS}${ERROR_STYLE}
  :host { display: block; font-size: .875rem; }
  [hidden] { display: none; }
  ul { margin: 0; padding: 0; list-style: none; }
  li, .axis { display: grid; grid-template-columns: var(--_names, 2ch) 1fr 4.4rem; gap: .5rem; align-items: center; padding: .1rem 0; }
  .name { text-align: end; color: var(--_muted); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  .track { height: .8rem; border-radius: 3px; overflow: hidden; background: color-mix(in srgb, var(--_line) 60%, transparent); }
  .fill { display: block; height: 100%; width: 0; border-radius: 3px; background: var(--_muted); transition: width .15s; }
  .value, .axis { font-family: var(--_mono); font-size: .75rem; }
  .value { text-align: end; }
  .winner .fill { background: var(--_accent); }
  .winner .name, .winner .value { color: var(--_ink); font-weight: 700; }
  .axis { color: var(--_muted); }
  .axis i { font-style: normal; }
  .axis span { grid-column: 2; display: flex; justify-content: space-between; }
  .note { margin: .3rem 0 0; color: var(--_muted); }
`);

/** Properties `input`, `answer`; event `lw-answer`. */
export class AnswerBars extends ProbeElement {
  #list = make("ul", { "aria-label": "Probability of each class" });
  #axis = make("div", { class: "axis", "aria-hidden": "true", hidden: true }, make("span", {}, make("i", {}, "0"), make("i", {}, "1")));
  #note = make("p", { class: "note", role: "status" });
  /** Names of the classes by network. @type {Map<string, string[]>} */
  #classes = new Map();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.append(this._error, this.#list, this.#axis, this.#note);
  }

  /** @override @param {import("./probe-element.js").Input} input @param {AbortSignal} signal */
  async _ask(input, signal) {
    const { _client: client, model } = this;
    const [answer, classes] = await Promise.all([
      client.ask(model, "predict", { input, signal, parameters: { include: "prediction,warnings" } }),
      this.#classes.get(model) ?? client.get(`/models/${model}`, {}, { signal }).then((one) => one.classes),
    ]);
    this.#classes.set(answer.model, classes);
    return answer;
  }

  /** @override @param {import("./client.js").Answer | null} answer */
  _show(answer) {
    const prediction = answer?.prediction;
    this.#axis.hidden = !prediction;
    this.#note.textContent = answer ? (answer.warnings ?? []).map((one) => one.message).join(" ") : "";
    if (!answer || !prediction) return this.#list.replaceChildren();
    const { probabilities, logits, label, name } = prediction;
    const classes = this.#classes.get(answer.model) ?? probabilities.map((_, at) => (at === label ? name : String(at)));
    const longest = Math.max(...classes.map((one) => one.length));
    this.style.setProperty("--_names", `${Math.min(16, longest)}ch`);
    if (this.#list.children.length !== classes.length) this.#list.replaceChildren(...classes.map(row));
    Array.from(this.#list.children).forEach((line, at) => {
      const [title, track, value] = line.children;
      title.textContent = classes[at];
      /** @type {HTMLElement} */ (track.firstElementChild).style.width = `${100 * probabilities[at]}%`;
      value.textContent = formatPercent(probabilities[at]);
      line.classList.toggle("winner", at === label);
      /** @type {HTMLElement} */ (line).title = `probability ${formatNumber(probabilities[at], 6)}, logit ${formatNumber(logits[at], 6)}`;
    });
  }
}

/** Make the line of a class. */
function row() {
  const track = make("span", { class: "track" }, make("span", { class: "fill" }));
  return make("li", {}, make("span", { class: "name" }), track, make("span", { class: "value" }));
}

customElements.define("lw-answer-bars", AnswerBars);
