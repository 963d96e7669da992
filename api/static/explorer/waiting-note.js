/** Waiting note: says that the server has refused a request for now, and that the page repeats it. */

import { make } from "../sdk/dom.js";

/** Time for which the note outlasts the pause, so that it does not flicker between two of them. */
const HOLD_MS = 500;

/** Reasons by problem type. @type {Record<string, string>} */
const REASONS = {
  warming: "The server is compiling its models",
  busy: "The server is busy",
  "too-many-requests": "The server limits the requests of each client",
  draining: "The server is stopping",
};

const note = make("p", { class: "waiting-note", role: "status" });
document.body.append(note); // before it has a text, so that screen readers know of it
let timer = 0;
let until = 0;

/**
 * Show why the page waits, until the longest pause has ended.
 * @param {{ error: { kind: string }, seconds: number }} wait
 */
export function showWait({ error: { kind }, seconds }) {
  const end = performance.now() + 1000 * seconds + HOLD_MS;
  note.textContent = `${REASONS[kind] ?? "The server cannot answer now"}. The page repeats the request.`;
  if (end <= until) return;
  until = end;
  clearTimeout(timer);
  timer = setTimeout(() => (note.textContent = ""), end - performance.now());
}
