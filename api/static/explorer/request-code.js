/** Request code: the request of a panel as curl, fetch or Python, to copy. */

import { queryOf } from "../sdk/client.js";
import { make } from "../sdk/dom.js";
import { copied } from "./clipboard.js";
import { lightwell } from "./page-client.js";

/** @typedef {import("./context.js").View} View */

const LANGUAGES = /** @type {const} */ ([
  { name: "curl", write: curl },
  { name: "fetch", write: fetchCode },
  { name: "Python", write: python },
]);

/**
 * Fill a container with the code for a view, one tab for each language.
 * @param {Element} container
 * @param {() => View | null} describe The view on display; null before the first answer.
 */
export function codePanel(container, describe) {
  let chosen = 0;
  const code = make("code");
  const copy = make("button", { type: "button", class: "copy" }, "Copy");
  const tabs = LANGUAGES.map(({ name }, at) => {
    const tab = make("button", { type: "button", class: "chip" }, name);
    tab.addEventListener("click", () => {
      chosen = at;
      update();
    });
    return tab;
  });
  copy.addEventListener("click", async () => {
    const done = await copied(code.textContent ?? "");
    copy.textContent = done ? "Copied" : "Press Ctrl+C";
    if (!done) getSelection()?.selectAllChildren(code);
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  const pre = make("pre", { tabIndex: 0, role: "group", "aria-label": "Code for this view" }, code);
  const chips = make("div", { class: "chips", role: "group", "aria-label": "Language" }, ...tabs);
  container.replaceChildren(make("div", { class: "row" }, chips, copy), pre);

  /** Write the code of the view on display. */
  function update() {
    tabs.forEach((tab, at) => tab.setAttribute("aria-pressed", String(at === chosen)));
    const view = describe();
    code.textContent = view ? LANGUAGES[chosen].write(view) : "";
  }
  update();
  return { update };
}

/** @param {View} view */
function address({ model, probe, parameters, written }) {
  // These pixels are preprocessed already: preprocessing them again could move them.
  const unprocessed = written && "pixels" in written ? { preprocess: "none" } : {};
  return `${lightwell.server}/${model}/${probe}${queryOf({ ...parameters, ...unprocessed })}`;
}

/** @param {View} view */
function body({ written, extra }) {
  if (!written || "sample" in written) return "";
  return JSON.stringify({ ...written, ...extra });
}

/** Whether the code has to send the token, which it takes from the environment: the page does not know it. */
function needsToken() {
  return lightwell.needsToken;
}

/** Quote a text for a shell. @param {string} text */
function shellText(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Quote a JSON document, which has no line break, for Python. @param {string} json */
function pythonText(json) {
  return `'${json.replace(/[\\']/g, String.raw`\$&`)}'`;
}

/** @param {View} view */
function curl(view) {
  const { written } = view;
  const command = needsToken() ? `curl -s -H "Authorization: Bearer $LIGHTWELL_TOKEN"` : "curl -s";
  const target = shellText(address(view));
  if (!written) return `${command} ${target}`;
  if ("sample" in written) {
    return `${command} ${shellText(`${lightwell.server}/samples/${written.sample}.png`)} |
  ${command} -H 'Content-Type: image/png' --data-binary @- ${target}`;
  }
  return `${command} -H 'Content-Type: application/json' ${target} -d ${shellText(body(view))}`;
}

/** @param {View} view */
function fetchCode(view) {
  const { written } = view;
  const token = needsToken() ? "const token = { Authorization: `Bearer ${process.env.LIGHTWELL_TOKEN}` };\n" : "";
  const options = token ? ", { headers: token }" : "";
  const shown = `const answer = await response.json();
console.log(answer.${written ? "prediction" : "tensors"});`;
  if (!written) return `${token}const response = await fetch("${address(view)}"${options});\n${shown}`;
  const [first, type, sent] =
    "sample" in written
      ? [`const digit = await (await fetch("${lightwell.server}/samples/${written.sample}.png"${options})).blob();\n`, "image/png", "digit"]
      : ["", "application/json", `JSON.stringify(${body(view)})`];
  return `${token}${first}const response = await fetch("${address(view)}", {
  method: "POST",
  headers: { "Content-Type": "${type}"${token && ", ...token"} },
  body: ${sent},
});
${shown}`;
}

/** @param {View} view */
function python(view) {
  const { written } = view;
  const npz = address({ ...view, parameters: { ...view.parameters, format: "npz" } });
  const [imported, token] = needsToken()
    ? ["import os\n", `token = {"Authorization": f"Bearer {os.environ['LIGHTWELL_TOKEN']}"}\n`]
    : ["", ""];
  const picture = (/** @type {number} */ index) => `"${lightwell.server}/samples/${index}.png"`;
  const [input, type, sent] = !written
    ? ["", "", ""]
    : "sample" in written
      ? [`body = urlopen(${token ? `Request(${picture(written.sample)}, headers=token)` : picture(written.sample)}).read()\n`, "image/png", "body"]
      : [`body = ${pythonText(body(view))}.encode()\n`, "application/json", "body"];
  const request = written
    ? `Request(address, ${sent}, {"Content-Type": "${type}"${token && ", **token"}})`
    : `Request(address${token && ", headers=token"})`;
  return `import io
${imported}from urllib.request import Request, urlopen

import numpy as np

${token}address = "${npz}"
${input}answer = np.load(io.BytesIO(urlopen(${request}).read()))
print({name: answer[name].shape for name in answer.files})`;
}
