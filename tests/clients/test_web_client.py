"""Client of /sdk/lightwell.js: its token, signed addresses, repeated requests and errors."""

from typing import Any

import pytest

from tests.clients.web_client import scripted

OK: tuple[int, Any, dict[str, str]] = (200, {"models": []}, {})
LIGHTWELL = 'new Lightwell("http://server/", %s)'
GET = f'return (await {LIGHTWELL}.get("/models")).models;'


def refusal(status: int, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Return the response of a server that refuses a request for now."""
    problem = {
        "type": "urn:lightwell:problem:busy",
        "title": "The queue is full.",
        "status": status,
        "detail": "Full.",
        "request_id": "7",
        "errors": [{"location": ["query"], "reason": "full"}],
    }
    return status, problem, headers


def waits(seconds: int, status: int = 503) -> tuple[int, Any, dict[str, str]]:
    """Return a refusal with `Retry-After`."""
    return refusal(status, **{"Retry-After": str(seconds)})


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ('{ token: "secret-of-anna" }', "Bearer secret-of-anna"),
        ('{ token: "none" }', None),
        ('{ token: "" }', None),
        ("{ token: null }", None),
        ("undefined", None),
    ],
)
def test_the_token_is_a_header(options: str, header: str | None) -> None:
    """A token is sent as a bearer token, and in no address; `none` and nothing send none."""
    outcome = scripted(GET % options, OK)

    assert outcome["result"] == []
    assert outcome["sent"][0]["headers"].get("authorization") == header
    assert outcome["sent"][0]["url"] == "http://server/models"


@pytest.mark.parametrize("token", ["two words", "anna\\u00e9", "line\\nbreak"])
def test_a_token_that_no_header_can_have_is_an_error(token: str) -> None:
    """Such a token is refused at once, by a sentence that does not repeat it."""
    outcome = scripted(GET % f'{{ token: "{token}" }}')

    assert outcome["error"]
    assert (outcome["error"]["name"], outcome["sent"]) == ("TypeError", [])
    assert outcome["error"]["message"] == "A token has printable ASCII characters without blanks."


@pytest.mark.parametrize(
    "path", [".attacker.example/x", "@attacker.example/x", "//attacker.example/x", "models"]
)
def test_a_path_without_one_slash_sends_nothing(path: str) -> None:
    """Such a path could continue the name of the host, to which the token would go."""
    script = f'return {LIGHTWELL}.get("{path}");' % '{ token: "secret-of-anna" }'

    outcome = scripted(script)

    assert outcome["error"]
    assert "does not begin with one slash" in outcome["error"]["message"]
    assert outcome["sent"] == []


def test_a_blob_with_extra_fields_sends_nothing() -> None:
    """The bytes of a picture are the whole body: fields beside it would be lost."""
    content = '{ input: new Blob(["png"]), extra: { edits: [] } }'

    outcome = scripted(f'return {LIGHTWELL}.ask("cnn", "intervene", {content});' % "{}")

    assert outcome["error"]
    assert (outcome["error"]["name"], outcome["sent"]) == ("TypeError", [])
    assert "rows of pixels, not a Blob" in outcome["error"]["message"]


def test_a_signed_address_is_asked_for_with_the_token() -> None:
    """`signed` returns the URL of a path, and sends path and query as one parameter."""
    script = (
        f"""return {LIGHTWELL}.signed("/lstm/gates.png", {{ sequence: "10", units: [0, 3] }},
      {{ seconds: 60 }});"""
        % '{ token: "secret-of-anna" }'
    )
    signed = "/lstm/gates.png?sequence=10&units=0,3&holder=anna&expires=9&signature=f"

    outcome = scripted(script, (200, {"path": signed, "expires": 9}, {}))

    assert outcome["result"] == f"http://server{signed}"
    (request,) = outcome["sent"]
    path = "%2Flstm%2Fgates.png%3Fsequence%3D10%26units%3D0%2C3"
    assert request["url"] == f"http://server/signed?path={path}&seconds=60"
    assert request["headers"]["authorization"] == "Bearer secret-of-anna"


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_request_is_repeated_after_retry_after(status: int) -> None:
    """Pauses are those of `Retry-After`, at least a second, and up to a quarter longer."""
    outcome = scripted(GET % "{}", waits(2, status), waits(0, status), OK)

    assert outcome["result"] == []
    assert outcome["pauses"] == [2.5, 1.25]
    assert len(outcome["sent"]) == 3


def test_pauses_without_retry_after_are_doubled() -> None:
    """A proxy may send none: the pauses are then a second, two, four and so on."""
    outcome = scripted(GET % "{}", *[refusal(503)] * 3, OK)

    assert outcome["pauses"] == [1.25, 2.5, 5]


def test_retry_after_may_be_a_date() -> None:
    """A date in the past lets the client come back at once, after the shortest pause."""
    date = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}

    outcome = scripted(GET % "{}", refusal(503, **date), OK)

    assert outcome["pauses"] == [1.25]


@pytest.mark.parametrize(
    ("options", "pauses"),
    [
        ("{ retrySeconds: 0 }", []),
        ("{ retrySeconds: 2 }", [2]),
        ("{ retrySeconds: 5 }", [2.5, 2.5]),
    ],
)
def test_pauses_add_up_to_at_most_the_seconds_of_retries(options: str, pauses: list[float]) -> None:
    """Then the error of the last response is thrown, with the fields of the problem."""
    outcome = scripted(GET % options, *[waits(2)] * 4)

    assert outcome["pauses"] == pauses
    assert len(outcome["sent"]) == len(pauses) + 1
    assert outcome["error"] == {
        "name": "LightwellError",
        "message": "Full.",
        "status": 503,
        "kind": "busy",
        "title": "The queue is full.",
        "retryAfter": 2,
        "requestId": "7",
        "errors": [{"location": ["query"], "reason": "full"}],
    }


def test_a_request_may_have_its_own_seconds() -> None:
    """The option of one call holds instead of that of the client."""
    script = f"return {LIGHTWELL}.predict([[0]], {{}}, {{ retrySeconds: 0 }});" % "{}"

    outcome = scripted(script, waits(1))

    assert (outcome["pauses"], outcome["sent"][0]["method"]) == ([], "POST")


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500, 504])
def test_other_errors_are_not_repeated(status: int) -> None:
    """Only a 429 and a 503 may be answered otherwise soon."""
    outcome = scripted(GET % "{}", waits(1, status))

    assert outcome["error"]
    assert (outcome["error"]["status"], len(outcome["sent"])) == (status, 1)


def test_an_abort_ends_the_pause() -> None:
    """A request that is aborted in its pause is not sent again."""
    script = """
      const controller = new AbortController();
      const onwait = ({ error, seconds }) => {
        if (error.status !== 503 || seconds !== 37.5) throw new Error("another wait");
        globalThis.setTimeout = () => queueMicrotask(() => controller.abort());
      };
      const lightwell = new Lightwell("http://server", { onwait, retrySeconds: 60 });
      return lightwell.get("/models", {}, { signal: controller.signal });"""

    outcome = scripted(script, waits(30))

    assert outcome["error"]
    assert (outcome["error"]["name"], len(outcome["sent"])) == ("AbortError", 1)
