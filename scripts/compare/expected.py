"""Differences that are intended, each with its reason, and pictures that may differ."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from scripts.compare.differences import Difference
from scripts.compare.wire import Request


@dataclass(frozen=True)
class Expected:
    """Differences that are intended.

    Attributes:
        request: Pattern of names of requests, as `fnmatch` reads it.
        where: Pattern of places in the answer, such as `status` or `headers.*`.
        reason: Why the answer changes.
    """

    request: str
    where: str
    reason: str


@dataclass(frozen=True)
class PictureTolerance:
    """A share of pixels that may differ, because a text in the picture changed.

    Attributes:
        operation: Pattern of operations, such as `* /cnn/filters*`.
    """

    operation: str
    share: float
    reason: str


EXPECTED: tuple[Expected, ...] = (
    Expected(
        "*repeated single value:*",
        "*",
        "a parameter of one value that is given twice is refused with 422, not read as the last",
    ),
    Expected(
        "*Upgrade: h2c*",
        "*",
        "an offer to upgrade to h2c is ignored and the body is read (RFC 9110, section 7.8)",
    ),
    Expected(
        "draining: predict",
        "*",
        "a draining server answers requests until its listener closes; only /readyz refuses",
    ),
)

PICTURE_TOLERANCES: tuple[PictureTolerance, ...] = ()
"""Empty as long as no text in a picture has changed."""


def reason_for(request: Request, difference: Difference) -> str | None:
    """Return why a difference is intended; None where it is not."""
    for one in EXPECTED:
        if fnmatchcase(request.name, _literal(one.request)) and fnmatchcase(
            difference.where, one.where
        ):
            return one.reason
    if difference.where != "body.pixels" or difference.share is None:
        return None
    for allowed in PICTURE_TOLERANCES:
        if fnmatchcase(request.operation, allowed.operation) and difference.share <= allowed.share:
            return allowed.reason
    return None


def _literal(pattern: str) -> str:
    """Take brackets literally: names of requests hold lists."""
    return pattern.replace("[", "[[]")
