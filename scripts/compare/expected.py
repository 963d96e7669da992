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


DESCRIBED = "/models describes input, layers and cost of every network, and failed ones"

COMPRESSED = "/models is compressed, and has an ETag"
LAYER = "`layer` is a parameter of sequences, and so part of the ETag"

OK = (200, 200)
RENEWED = (304, 200)
"""Statuses of a request with the ETag of the old answer, whose parameters have changed."""

EXPECTED: tuple[Expected, ...] = (
    Expected("GET /models*", OK, DESCRIBED, "body*"),
    Expected("GET /models*", OK, COMPRESSED, "headers.*"),
    Expected("HEAD /models*", OK, COMPRESSED, "headers.*"),
    Expected(
        "POST /cnn/intervene 65 edits",
        (422, 422),
        "names of layers are checked after the number of edits",
        "body.errors",
    ),
    Expected("GET /lstm/*", OK, LAYER, "headers.etag"),
    Expected("GET /lstm/*If-None-Match*", RENEWED, LAYER),
    Expected("GET /lstm/*If-None-Match*", (304, 304), LAYER, "headers.etag"),
    Expected("openapi.json", OK, "families of probes are described once, for any network"),
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
