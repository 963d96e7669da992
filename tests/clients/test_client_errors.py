"""lightwell_client errors: problems, retries, and a server that does not listen."""

import re
import socket

import httpx2
import pytest

from lightwell_client import Lightwell, LightwellError
from tests.clients.scripted import scripted

BITS = "1011010010"


def test_a_stream_raises_its_problem() -> None:
    """A problem in the last line of a stream is raised as an error."""
    problem = {"type": "urn:lightwell:problem:deadline", "status": 504, "detail": "Too late."}
    lines = ['{"input": 0, "step": 1, "bit": 1, "hidden": [0.5]}', '{"problem": %s}']
    text = "\n".join(lines) % httpx2.Response(200, json=problem).text

    steps = scripted(lambda _: httpx2.Response(200, text=text)).steps("11")

    assert next(steps)["hidden"] == [0.5]
    with pytest.raises(LightwellError, match="Too late"):
        next(steps)


def test_errors_have_status_kind_and_location(lightwell: Lightwell) -> None:
    """A refused request is an error with status, kind, locations and request id."""
    with pytest.raises(LightwellError, match="unit 99") as caught:
        lightwell.gates(BITS, units=99)
    with pytest.raises(LightwellError) as streamed:
        next(lightwell.steps("12"))

    error = caught.value
    assert (error.status, error.kind) == (422, "invalid-parameter")
    assert error.errors[0]["location"] == ["query", "units"]
    assert re.fullmatch(r"[0-9a-f-]{36}", error.request_id)
    assert streamed.value.kind == "invalid-sequence"


def test_a_response_without_a_problem_document() -> None:
    """A response that is no problem document, such as a proxy's, still has its status."""
    answer = httpx2.Response(502, text="<html>Bad gateway</html>")

    with pytest.raises(LightwellError) as caught:
        scripted(lambda _: answer).models()

    assert (caught.value.status, caught.value.kind) == (502, "unknown")


def full(request: httpx2.Request) -> httpx2.Response:
    """Return the 503 of a full queue."""
    problem = {"type": "urn:lightwell:problem:busy", "status": 503, "detail": "Full."}
    return httpx2.Response(503, json=problem, headers={"Retry-After": "2"})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each `time.sleep` of the client, which returns at once."""
    pauses: list[float] = []
    monkeypatch.setattr("lightwell_client.retries.time.sleep", pauses.append)
    monkeypatch.setattr("lightwell_client.retries.random.uniform", lambda low, high: low)
    return pauses


def test_overload_is_retried(pauses: list[float]) -> None:
    """The client repeats the request after the seconds of `Retry-After`."""
    ready = httpx2.Response(200, json={"models": []})

    assert scripted(lambda request: full(request) if len(pauses) < 2 else ready).models() == []

    assert pauses == [2, 2]


@pytest.mark.parametrize(("seconds", "tries"), [(0, 0), (3, 1), (4, 2)])
def test_retries_end_after_retry_s(pauses: list[float], seconds: float, tries: int) -> None:
    """The pauses of a call add up to at most `retry_s`."""
    with pytest.raises(LightwellError, match="Full"):
        scripted(full, retry_s=seconds).models()

    assert pauses == [2] * tries


def test_the_old_name_of_retry_s_warns(pauses: list[float]) -> None:
    """`patience_s`, the name of before, is taken with a `DeprecationWarning`."""
    with pytest.warns(DeprecationWarning, match="retry_s"):
        client = scripted(full, patience_s=4)
    with pytest.raises(LightwellError, match="Full"):
        client.models()

    assert pauses == [2, 2]


def test_a_client_over_its_rate_waits(pauses: list[float]) -> None:
    """A 429 is repeated after the seconds of `Retry-After`, as a 503 is."""
    limited = httpx2.Response(429, headers={"Retry-After": "3"})
    ready = httpx2.Response(200, json={"models": []})

    assert scripted(lambda _: ready if pauses else limited).models() == []

    assert pauses == [3]


def test_pauses_without_retry_after_are_doubled(pauses: list[float]) -> None:
    """A proxy may send none: the pauses are then a second, two, four and so on."""
    with pytest.raises(LightwellError):
        scripted(lambda _: httpx2.Response(503), retry_s=8).models()

    assert pauses == [1, 2, 4]


@pytest.mark.parametrize(
    ("text", "first"),
    [("0", 0.1), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.1), ("soon", 1), ("-3", 1)],
)
def test_forms_of_retry_after(pauses: list[float], text: str, first: float) -> None:
    """A date in the past, as 0, is the shortest pause; another text counts as no header."""
    limited = httpx2.Response(503, headers={"Retry-After": text})
    ready = httpx2.Response(200, json={"models": []})

    assert scripted(lambda _: ready if pauses else limited).models() == []

    assert pauses == [first]


def test_jitter_stays_within_retry_s(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are lengthened by chance, and still add up to at most `retry_s`."""
    monkeypatch.setattr("lightwell_client.retries.random.uniform", lambda low, high: high)

    with pytest.raises(LightwellError, match="Full"):
        scripted(full, retry_s=4).models()

    assert pauses == [2.5]


def test_no_server_is_a_connection_error() -> None:
    """Where no server listens, the error names the command that starts one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(ConnectionError, match="make serve"):
            Lightwell(f"http://127.0.0.1:{taken.getsockname()[1]}").models()


def test_a_machine_that_does_not_answer_is_a_connection_error() -> None:
    """A connection that is not made in time, as with packets that a firewall drops."""

    def dropped(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectTimeout("timed out", request=request)

    with pytest.raises(ConnectionError, match="No server answers at http://server"):
        scripted(dropped).models()
