"""The client of /sdk/lightwell.js in Node.js, with responses that a test scripts."""

import json
from typing import Any, TypedDict

from tests.servers import ROOT
from tests.tools import NODE, run

CLIENT = (ROOT / "api" / "static" / "sdk" / "client.js").as_uri()

PRELUDE = """
const { Lightwell } = await import(%(client)s);
const answers = %(answers)s, sent = [], pauses = [];
Math.random = () => 1;
globalThis.setTimeout = (call, ms) => { pauses.push(ms / 1000); queueMicrotask(call); };
globalThis.fetch = async (url, { method = "GET", headers }) => {
  sent.push({ url, method, headers: Object.fromEntries(headers) });
  const [status, body, more] = answers.shift();
  return new Response(JSON.stringify(body), { status, headers: more });
};
let result = null, error = null;
try {
  result = await (async () => { %(script)s })();
} catch (thrown) {
  const { name, message, status, kind, title, retryAfter, requestId, errors } = thrown;
  error = { name, message, status, kind, title, retryAfter, requestId, errors };
}
console.log(JSON.stringify({ result, error, sent, pauses }));
"""


class Outcome(TypedDict):
    """Outcome of a script: its result or its error, requests, and pauses in seconds."""

    result: Any
    error: dict[str, Any] | None
    sent: list[dict[str, Any]]
    pauses: list[float]


def scripted(script: str, *answers: tuple[int, Any, dict[str, str]]) -> Outcome:
    """Run the body of an async function that has `Lightwell`; pauses take no time.

    Args:
        answers: Status, JSON body and headers of the responses, in order.
    """
    values = {"client": json.dumps(CLIENT), "answers": json.dumps(answers), "script": script}
    code = PRELUDE % values
    printed = run(NODE, "--no-warnings", "--input-type=module", "--eval", code, cwd=ROOT)
    outcome: Outcome = json.loads(printed)
    return outcome
