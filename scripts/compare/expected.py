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


CALIBRATED = "predictions of the CNN are calibrated, and have the share of right ones like them"
FINDINGS = "findings are measured on reference networks, also with other weights"
STEPS = "the steps before an initial state are a parameter and a field"
GENERALISATION = "structured sequences and the certificate are measured too"
DYNAMICS = "points under a repeated word are searched, and only fixed points are called stable"
KNOWN_LENGTHS = "lengths up to which answers are known are listed"
UNKNOWN_STEPS = "a sequence continued after unknown steps has the warning `unknown-length`"

OK = (200, 200)
RENEWED = (304, 200)
"""Statuses of a request with the ETag of the old answer, whose content or parameters changed."""

EXPECTED: tuple[Expected, ...] = (
    Expected("POST /cnn/*", OK, CALIBRATED, "body*.prediction.calibrated"),
    Expected("POST /cnn/*", OK, CALIBRATED, "body*.prediction.reliability"),
    Expected("GET /models*", OK, CALIBRATED, "body*.training.calibration"),
    Expected("GET /findings*", OK, FINDINGS),
    *(
        Expected(f"GET /{model}/findings*", statuses, FINDINGS)
        for model in ("cnn", "lstm")
        for statuses in (OK, RENEWED, (304, 304))
    ),
    Expected("POST /cnn/attribution*", OK, "a doubtful result has warnings", "body*.warnings"),
    Expected("POST /cnn/attribution*", OK, "compared pixels are counted", "body*.measures*"),
    Expected("POST /cnn/attribution*", OK, "pictures have those measures too", "body.pixels"),
    Expected(
        "POST /cnn/attribution*sanity*",
        OK,
        "ranks are compared over the pixels that differ from the baseline",
        "body*.tensors*",
    ),
    Expected(
        "* /lstm/* checkpoint: *",
        OK,
        "no test of a training checkpoint is recorded, which is the warning `untested`",
        "body*.warnings",
    ),
    *(
        Expected(f"POST /lstm/* body: {name}*", OK, UNKNOWN_STEPS, "body*.warnings")
        for name in ("initial state", "inputs", "source with initial state")
    ),
    Expected("GET /models*", OK, KNOWN_LENGTHS, "body*.length_limits"),
    Expected("GET /models*", OK, KNOWN_LENGTHS, "body*.checkpoint_limits"),
    Expected("GET /models*", OK, STEPS, "body*.probes*.parameters*"),
    Expected("openapi.json", OK, STEPS, "openapi.* /lstm/*"),
    Expected("openapi.json", OK, CALIBRATED, "openapi.* /cnn/*"),
    Expected("openapi.json", OK, KNOWN_LENGTHS, "openapi.GET /models*"),
    Expected("openapi.json", OK, FINDINGS, "openapi.GET /findings*"),
    Expected("GET /lstm/generalisation*", OK, GENERALISATION, "body*"),
    Expected("GET /lstm/generalisation*", OK, GENERALISATION, "headers.etag"),
    Expected("GET /lstm/generalisation*If-None-Match*", RENEWED, GENERALISATION),
    Expected("GET /lstm/generalisation*If-None-Match*", (304, 304), GENERALISATION),
    Expected(
        "* /lstm/attribution*integrated_gradients*",
        OK,
        "integrated gradients halve the parts of the path on which their sum is off",
        "body*",
    ),
    Expected("* /lstm/dynamics*", OK, DYNAMICS, "body*"),
    Expected("* /lstm/dynamics*", OK, DYNAMICS, "headers.etag"),
    Expected("GET /lstm/dynamics*If-None-Match*", RENEWED, DYNAMICS),
    Expected("GET /lstm/dynamics*If-None-Match*", (304, 304), DYNAMICS),
    Expected(
        "* /lstm/summary*",
        OK,
        "bars of time constants end at 64 steps, and JSON has an infinite one as null",
        "body*",
    ),
    Expected("GET /colormaps*", OK, "colour maps are gzipped on request", "headers.*"),
    Expected("GET /colormaps*", (304, 304), "colour maps are gzipped on request", "headers.*"),
    Expected("*metrics*", OK, "the CNN has the program `cnn.convolve`", "body.*"),
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
