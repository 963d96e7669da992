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
        statuses: Of the old and of the new answer.
        reason: Why the answer changes.
        where: Pattern of the part of the answer that may differ; every part unless it is given.
    """

    request: str
    statuses: tuple[int, int]
    reason: str
    where: str = "*"


@dataclass(frozen=True)
class PictureTolerance:
    """Expected share of pixels that may differ, because a text in the picture changed.

    Attributes:
        operation: Pattern of operations, such as `* /cnn/filters*`.
    """

    operation: str
    share: float
    reason: str


OK = (200, 200)

EMBEDDED = "Cross-Origin-Resource-Policy says which pages may embed an answer"

VERSIONED = "the entity tag follows metadata and artifacts of the weights, too"

CODED = "answers depend on Accept-Encoding: they may be in gzip"

EXPECTED: tuple[Expected, ...] = (
    *(
        Expected("*", (status, status), EMBEDDED, "headers.cross-origin-resource-policy")
        for status in (200, 304, 400, 404, 405, 406, 408, 413, 415, 422, 431, 503, 504)
    ),
    *(Expected("*", (status, status), VERSIONED, "headers.etag") for status in (200, 304)),
    *(Expected("*", (status, status), CODED, "headers.vary") for status in (200, 304)),
    Expected("*If-None-Match*", (304, 200), VERSIONED),
    Expected("POST * Origin: *", (200, 403), "pages of other sites may not post"),
    Expected("openapi.json", OK, "signed addresses, and responses of refused requests"),
)

PICTURE_TOLERANCES: tuple[PictureTolerance, ...] = ()
"""Expected tolerances of pictures; empty as long as no text in a picture has changed."""


def reason_for(request: Request, difference: Difference, statuses: tuple[int, int]) -> str | None:
    """Return why a difference between two checkouts is expected; None where it is not.

    Args:
        statuses: Of the old and of the new answer.
    """
    for one in EXPECTED:
        named = fnmatchcase(request.name, one.request) and fnmatchcase(difference.where, one.where)
        if named and statuses == one.statuses:
            return one.reason
    if difference.where != "body.pixels" or difference.share is None:
        return None
    for allowed in PICTURE_TOLERANCES:
        if fnmatchcase(request.operation, allowed.operation) and difference.share <= allowed.share:
            return allowed.reason
    return None
