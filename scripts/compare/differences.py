"""Differences between two checkouts' answers: in status, headers, keys, numbers and arrays."""

import http.client
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.compare.decode import DecodeError, Prose, decoded
from scripts.compare.wire import Answer, Request

TEXT_KEYS = frozenset(
    ("title", "detail", "reason", "message", "description", "summary", "statement", "measured")
)
"""Keys whose differences may be intended: sentences for people, which may read differently."""

STD_TOLERANCE = 1e-12  # relative, of `stats.std`; every other number is compared to the bit
ID_KEYS = frozenset(("instance", "request_id"))
VOLATILE = frozenset(("date", "server-timing"))
REQUEST_ID = "x-request-id"
COMPARED_ELSEWHERE = frozenset(("/openapi.json",))  # by operations, parameters and keys

STATISTICS = "/stats"
"""End of paths whose answers differ from request to request: counts and times of a server."""
SHOWN = 100  # characters of a value in the report


@dataclass(frozen=True)
class Difference:
    """Difference between two checkouts' answers at one place.

    Attributes:
        where: Such as `status`, `headers.etag`, `body.tensors[0].stats.mean`.
        text: Whether only the words of a sentence for people differ.
        share: Of a picture or an array of equal shape, the share of values that differ.
    """

    where: str
    old: str
    new: str
    text: bool = False
    share: float | None = None


def compare(
    request: Request, old: Answer, new: Answer, lengths: Sequence[int | None]
) -> Iterator[Difference]:
    """Yield the differences between the answers of two checkouts to one request.

    Args:
        lengths: Of the bodies, old and new; a HEAD has that of its GET, or None where that was
            not sent.
    """
    if old.status != new.status:
        yield Difference("status", _named(old), _named(new))
    # A request's own id comes back; any other id is random.
    keep_ids = dict(request.headers).get("X-Request-ID", "") == old.header(REQUEST_ID) != ""
    first, second = (
        _headers(answer, length, keep_ids=keep_ids, page=not request.operation)
        for answer, length in zip((old, new), lengths, strict=True)
    )
    yield from trees(first, second, "headers")
    if old.status != new.status or old.media_type != new.media_type or old.body == new.body:
        return
    if request.target in COMPARED_ELSEWHERE or request.target.endswith(STATISTICS):
        return
    try:
        values = [decoded(answer) for answer in (old, new)]
    except DecodeError as error:
        yield Difference("body", f"{len(old.body)} bytes", str(error))
        return
    yield from trees(values[0], values[1], "body", keep_ids=keep_ids)


def _named(answer: Answer) -> str:
    return f"{answer.status} {answer.problem or http.client.responses.get(answer.status, '')}"


def _headers(answer: Answer, length: int | None, *, keep_ids: bool, page: bool) -> dict[str, str]:
    """Return each header for the search for differences, without values that no two answers share.

    Lines of the same name are one list of values (RFC 9110, section 5.3).
    """
    found: dict[str, str] = {}
    for name, value in answer.headers:
        if name == "content-length":
            right = length is None or value == str(length)
            shown = "length of the body" if right else value
        # The tag of a page is a hash of its words.
        elif name in VOLATILE or (name == REQUEST_ID and not keep_ids) or (name == "etag" and page):
            shown = "present"
        else:
            shown = value
        found[name] = f"{found[name]}, {shown}" if name in found else shown
    return found


def trees(old: Any, new: Any, where: str, *, keep_ids: bool = True) -> Iterator[Difference]:
    """Yield the differences between two decoded trees of keys, numbers, texts and arrays."""
    if type(old) is not type(new):
        yield Difference(where, _shown(old), _shown(new))
    elif isinstance(old, dict):
        yield from _mappings(old, new, where, keep_ids=keep_ids)
    elif isinstance(old, list):
        yield from _lists(old, new, where, keep_ids=keep_ids)
    elif isinstance(old, np.ndarray):
        yield from _arrays(old, new, where)
    elif not _equal(old, new, where):
        yield Difference(where, _shown(old), _shown(new), text=isinstance(old, Prose))


def _mappings(
    old: Mapping[str, Any], new: Mapping[str, Any], where: str, *, keep_ids: bool
) -> Iterator[Difference]:
    for key in sorted({*old, *new}):
        inner = f"{where}.{key}"
        if key not in new:
            yield Difference(inner, _shown(old[key]), "absent")
        elif key not in old:
            yield Difference(inner, "absent", _shown(new[key]))
        elif isinstance(old[key], str) and isinstance(new[key], str) and key in TEXT_KEYS:
            if old[key] != new[key]:
                yield Difference(inner, _shown(old[key]), _shown(new[key]), text=True)
        elif keep_ids or key not in ID_KEYS:
            yield from trees(old[key], new[key], inner, keep_ids=keep_ids)


def _lists(old: list[Any], new: list[Any], where: str, *, keep_ids: bool) -> Iterator[Difference]:
    if len(old) != len(new):
        yield Difference(where, f"{len(old)} entries", f"{len(new)} entries")
        return
    for at, (one, other) in enumerate(zip(old, new, strict=True)):
        yield from trees(one, other, f"{where}[{at}]", keep_ids=keep_ids)


def _arrays(old: np.ndarray, new: np.ndarray, where: str) -> Iterator[Difference]:
    if (old.dtype, old.shape) != (new.dtype, new.shape):
        yield Difference(where, f"{old.dtype}{old.shape}", f"{new.dtype}{new.shape}")
        return
    if old.tobytes() == new.tobytes():
        return
    size = old.dtype.itemsize
    bits = [np.frombuffer(one.tobytes(), np.uint8).reshape(-1, size) for one in (old, new)]
    differing = (bits[0] != bits[1]).any(axis=1)
    first = int(differing.argmax())
    values = [repr(one.reshape(-1)[first].item()) for one in (old, new)]
    share = float(differing.mean())
    yield Difference(
        where, f"{values[0]} at {first}", f"{values[1]}, {share:.2%} of the values differ",
        share=share,
    )  # fmt: skip


def _equal(old: Any, new: Any, where: str) -> bool:
    """Tell whether two leaves have no difference: to the bit, `stats.std` within its tolerance."""
    if isinstance(old, float):
        if where.endswith(".stats.std"):
            return math.isclose(old, new, rel_tol=STD_TOLERANCE, abs_tol=0)
        return repr(old) == repr(new)  # tells 0.0 from -0.0, and the shortest text is unique
    return bool(old == new)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
