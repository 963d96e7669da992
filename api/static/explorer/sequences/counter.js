/** Counter: how the network counts, as the server measures and draws it, whatever the sequence. */

import { make } from "/sdk/elements.js";

/** What is shown, one at a time: path of the picture, what it is called, what to look for. */
const VIEWS = /** @type {const} */ ([
  ["/lstm/counter", "Who counts", "Which units follow the count, how far each symbol moves them, and how few are enough."],
  ["/lstm/dynamics", "State space", "Where many sequences go in state space, coloured by the count, and where the state would stand still."],
  ["/lstm/generalisation", "How far it counts", "Accuracy by length and by margin, beside answering “no” to everything."],
]);

/**
 * Fill the panel `counter`.
 * @param {import("../context.js").Context} context
 */
export function mountCounter({ store }) {
  const body = /** @type {HTMLElement} */ (document.getElementById("counter-body"));
  const chips = VIEWS.map(([path, name]) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => store.set({ counterView: path }));
    return chip;
  });
  const story = make("p", { class: "explain" });
  const picture = make("img", { class: "shown-picture" });
  const link = make("a", {}, picture);
  const again = make("p", { class: "quiet" });
  const trouble = make("p", { class: "warning", hidden: true });
  body.replaceChildren(make("div", { class: "chips", role: "group", "aria-label": "View" }, ...chips), story, trouble, link, again);
  picture.addEventListener("error", () => {
    trouble.textContent = "The picture is not there yet: its programs are being compiled.";
    trouble.hidden = false;
    // Asked again under another address, since a browser may keep the refusal.
    setTimeout(() => (picture.src = `${link.pathname}?scale=1`), 2000);
  });
  picture.addEventListener("load", () => (trouble.hidden = true));
  store.on(["counterView"], ({ counterView }) => {
    const [path, name, said] = VIEWS.find(([one]) => one === counterView) ?? VIEWS[0];
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(VIEWS[at][0] === path)));
    story.textContent = said;
    picture.alt = `${name}: ${said}`;
    picture.src = link.href = `${path}.png`;
    again.replaceChildren("In numbers: ", make("a", { href: path }, `GET ${path}`));
  });
}
