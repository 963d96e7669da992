"""Expected differences between two checkouts, each with its reason, and picture tolerances."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from scripts.compare.differences import Difference
from scripts.compare.wire import Request


@dataclass(frozen=True)
class Expected:
    """Expected differences between two checkouts' answers, by pattern of requests, with a reason.

    Attributes:
        request: Pattern of names of requests, as `fnmatch` reads it.
        statuses: Of the old and of the new answer; every part of the answer may differ then.
        reason: Why the answer changes.
    """

    request: str
    statuses: tuple[int, int]
    reason: str


@dataclass(frozen=True)
class PictureTolerance:
    """Expected share of pixels that may differ, because a text in the picture changed.

    Attributes:
        operation: Pattern of operations, such as `* /cnn/filters*`.
    """

    operation: str
    share: float
    reason: str


EXPECTED: tuple[Expected, ...] = (
    Expected(
        "*repeated single value:*",
        (200, 422),
        "a parameter of one value that is given twice is refused with 422, not read as the last",
    ),
    Expected(
        "*Upgrade: h2c*",
        (400, 200),
        "an offer to upgrade to h2c is ignored and the body is read (RFC 9110, section 7.8)",
    ),
    Expected(
        "draining: predict",
        (503, 200),
        "a draining server answers requests until its listener closes; only /readyz refuses",
    ),
)

PICTURE_TOLERANCES: tuple[PictureTolerance, ...] = ()
"""Expected tolerances of pictures; empty as long as no text in a picture has changed."""


def reason_for(request: Request, difference: Difference, statuses: tuple[int, int]) -> str | None:
    """Return why a difference between two checkouts is expected; None where it is not.

    Args:
        statuses: Of the old and of the new answer.
    """
    for one in EXPECTED:
        if statuses == one.statuses and fnmatchcase(request.name, one.request):
            return one.reason
    if difference.where != "body.pixels" or difference.share is None:
        return None
    for allowed in PICTURE_TOLERANCES:
        if fnmatchcase(request.operation, allowed.operation) and difference.share <= allowed.share:
            return allowed.reason
    return None
