"""Driver of the fuzzers: sends their requests and checks each answer."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

import orjson

from api.errors.problem import MAX_BYTES, MEDIA_TYPE
from tests.fuzz.exchange import BROKEN, Answer, Request, request, send
from tests.fuzz.mutation import MARK, seeded

EVERY = 50
"""Hostile requests between two requests of another client."""

ALLOWED_5XX = {503, 504}


class Fuzzer(Protocol):
    """Module of a fuzzer of requests."""

    def requests(self, random: Random) -> Iterator[Request]:
        """Yield hostile requests without end; a function of the generator."""


class Failure(NamedTuple):
    """Answer of a server that is not allowed."""

    reason: str
    sent: bytes
    answer: Answer


class Result(NamedTuple):
    """Result of a fuzzer.

    Attributes:
        statuses: Answers by status; 0 is a close without an answer.
        failures: Answers that are not allowed.
        growth: Bytes of resident memory at the end beyond those after the first requests.
    """

    statuses: Counter[int]
    failures: list[Failure]
    growth: int


def fuzz(
    fuzzer: Fuzzer, url: str, process: int, seed: int, *, count: int, seconds: float = 1e9
) -> Result:
    """Send hostile requests, and after each `EVERY` those of another client.

    Args:
        fuzzer: Module that makes the requests.
        url: Address of a ready server.
        process: Identifier of its process.
        seed: Seed of the requests.
        count: Most requests.
        seconds: Time after which none is sent.
    """
    wanted = [send(url, one) for one in others()]
    statuses: Counter[int] = Counter()
    failures: list[Failure] = []
    until, before = time.monotonic() + seconds, 0
    for number, sent in zip(range(count), fuzzer.requests(seeded(seed)), strict=False):
        answer = send(url, sent)
        statuses[answer.status] += 1
        failures += [Failure(reason, sent.content, answer) for reason in faults(sent, answer)]
        if number % EVERY == EVERY - 1:
            failures += _changed(url, wanted)
            before = before or resident_bytes(process)
        if time.monotonic() > until:
            break
    failures += _changed(url, wanted)
    return Result(statuses, failures, resident_bytes(process) - (before or resident_bytes(process)))


def others() -> list[Request]:
    """Return the requests of another client, whose answers must not change."""
    digit = orjson.dumps(
        {"pixels": [[(7 * row * column) % 256 for column in range(28)] for row in range(28)]}
    )
    return [
        request("GET", "/lstm/predict?sequence=1011001"),
        request("POST", "/cnn/predict", digit, "application/json"),
        request("GET", "/lstm/gates.png?sequence=10110"),
    ]


def faults(sent: Request, answer: Answer) -> Iterator[str]:
    """Yield the faults of an answer to a hostile request."""
    if answer.status == 0:
        if sent.is_whole:
            yield "no answer"
        return
    if answer.status >= 500 and answer.status not in ALLOWED_5XX:
        yield f"status {answer.status}"
    if answer.status == BROKEN:
        yield "answer is not whole"
    if answer.status >= 400 and not sent.is_head:
        yield from _problem_faults(answer)


def _problem_faults(answer: Answer) -> Iterator[str]:
    is_of_protocol = answer.media_type == "application/json" and b'"error":' in answer.body
    if answer.media_type != MEDIA_TYPE and not is_of_protocol:  # the latter below /v2
        yield f"media type {answer.media_type or 'none'}"
    if len(answer.body) > MAX_BYTES:
        yield f"problem of {len(answer.body)} bytes"
    if MARK.encode() in answer.body:
        yield "problem repeats a value"
    try:
        stated = orjson.loads(answer.body)["status"]
    except (ValueError, KeyError, TypeError):
        yield "problem is not whole"
    else:
        if stated != answer.status:
            yield "problem states another status"


def _changed(url: str, wanted: list[Answer]) -> list[Failure]:
    """Return requests of another client whose answers have changed."""
    found = [(one, send(url, one), right) for one, right in zip(others(), wanted, strict=True)]
    return [
        Failure("answer of another client changed", one.content, answer)
        for one, answer, right in found
        if (answer.status, answer.body) != (200, right.body)
    ]


def resident_bytes(process: int) -> int:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024
