/** Views: what the server measures and draws of a network itself, whatever is posted to it. */

import { make } from "/sdk/dom.js";

const RETRY_MS = 2000;

/**
 * @typedef {object} View
 * @property {string} path Of the answer in numbers; its picture has `.png` at the end of the path.
 * @property {string} name
 * @property {string} said What to look for.
 */

/** @type {Record<"layersView" | "counterView", View[]>} */
const VIEWS = {
  layersView: [
    {
      path: "/cnn/layers",
      name: "Layers compared",
      said: "How well a straight line reads the digit off each layer, and how alike layers are, to each other and over training.",
    },
    {
      path: "/cnn/descriptors?layer=conv1&order=edge",
      name: "First filters described",
      said: "How much of each filter is edge, line or mean, which way it points, and how fine a pattern it answers.",
    },
  ],
  counterView: [
    {
      path: "/lstm/counter",
      name: "Who counts",
      said: "Which units follow the count, how far each symbol moves them, and how few are enough.",
    },
    {
      path: "/lstm/dynamics",
      name: "State space",
      said: "Where many sequences go in state space, coloured by the count, and where the state would stand still.",
    },
    {
      path: "/lstm/generalisation",
      name: "How far it counts",
      said: "Accuracy by length and by margin, beside answering “no” to everything.",
    },
  ],
};

/** The path of a view's picture. @param {string} path */
function pictureOf(path) {
  const [probe, query] = path.split("?");
  return `${probe}.png${query ? `?${query}` : ""}`;
}

/**
 * Fill a panel with views, one of which is shown.
 * @param {import("./context.js").Context} context
 * @param {string} id Of the panel's body.
 * @param {"layersView" | "counterView"} key Which view is shown: its place in the list.
 */
export function mountViews({ store }, id, key) {
  const body = /** @type {HTMLElement} */ (document.getElementById(id));
  const views = VIEWS[key];
  const chips = views.map(({ name }, at) => {
    const chip = make("button", { type: "button", class: "chip" }, name);
    chip.addEventListener("click", () => store.set({ [key]: at }));
    return chip;
  });
  const story = make("p", { class: "explain" });
  const picture = make("img", { class: "shown-picture" });
  const link = make("a", {}, picture);
  const again = make("p", { class: "quiet" });
  const trouble = make("p", { class: "warning", hidden: true });
  const choices = make("div", { class: "chips", role: "group", "aria-label": "View" }, ...chips);
  body.replaceChildren(choices, story, trouble, link, again);
  picture.addEventListener("error", () => {
    trouble.textContent = "The picture is not there yet: its programs are being compiled.";
    trouble.hidden = false;
    setTimeout(() => (picture.src = link.href), RETRY_MS);
  });
  picture.addEventListener("load", () => (trouble.hidden = true));
  store.on([key], (state) => {
    const chosen = Math.min(Math.max(state[key], 0), views.length - 1);
    const { path, name, said } = views[chosen];
    chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(at === chosen)));
    story.textContent = said;
    picture.alt = `${name}: ${said}`;
    picture.src = link.href = pictureOf(path);
    again.replaceChildren("In numbers: ", make("a", { href: path }, `GET ${path}`));
  });
}
