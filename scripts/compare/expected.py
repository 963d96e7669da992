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


EXPECTED: tuple[Expected, ...] = (
    Expected("*png of 9 megapixels*", (422, 200), "a large image is reduced and read"),
    *(
        Expected(f"POST * {name}", (old, 200), "a spelling of one meaning is read")
        for old, names in (
            (
                422,
                ("pixels with a fraction", "base64 with white space", "data url of another type"),
            ),
            (422, ("list with a text", "list with a boolean", "form without a file name")),
            (422, ("form of another field",)),
            (400, ("JSON byte order mark", "form without a name", "form with a preamble")),
            (400, ("form with an epilogue", "form without headers of a part")),
        )
        for name in names
    ),
    Expected("*byte order mark", (400, 422), "a byte order mark is read, and its body refused"),
    Expected("*form without parts", (400, 422), "a form without a file is whole, but not valid"),
    Expected("*nested 900 deep", (422, 422), "lists around one list are dropped", "body.errors*"),
    Expected(
        "POST /cnn/*",
        (200, 200),
        "the record of an image's preparation lists its steps",
        "body*.input.preparation.steps",
    ),
    *(
        Expected(
            "POST /cnn/*",
            (200, 200),
            "predictions of the CNN are calibrated, and say how often such ones are right",
            f"body*.prediction.{key}",
        )
        for key in ("calibrated", "reliability")
    ),
    Expected(
        "GET /models*",
        (200, 200),
        "the record of the training has the calibration",
        "body*.training.calibration",
    ),
    *(
        Expected(
            f"GET {path}*",
            (200, 200),
            "findings are measured on reference networks, and the LSTM's by exchanged values",
        )
        for path in ("/findings", "/lstm/findings", "/cnn/findings")
    ),
    Expected(
        "POST /cnn/* body: png of 200 x 200",
        (200, 200),
        "the box ends at the strokes, without the faintest pixels of their edge",
        "body.input.preparation.box[[]2]",
    ),
    *(
        Expected(request, (200, 200), reason, where)
        for request, where, reason in (
            (
                "POST /cnn/attribution*",
                "body*.warnings",
                "a doubtful attribution has warnings",
            ),
            (
                "POST /cnn/attribution*",
                "body*.measures*",
                "pixels in tied windows, and those of the sanity check, are counted",
            ),
            ("POST /cnn/attribution*", "body.pixels", "pictures have those measures too"),
            (
                "POST /cnn/attribution*sanity*",
                "body*.tensors*",
                "ranks are compared over the pixels that differ from the baseline",
            ),
        )
    ),
    Expected(
        "POST /cnn/* checkpoint: *checkpoint=round-0",
        (200, 200),
        "an untrained network is not sure of any digit, which is the warning `ambiguous`",
        "body.warnings",
    ),
    *(
        Expected(request, (200, 200), reason, where)
        for request, where, reason in (
            (
                "* /lstm/* checkpoint: *",
                "body*.warnings",
                "no test of a training checkpoint is recorded, which is the warning `untested`",
            ),
            *(
                (
                    f"POST /lstm/* body: {name}*",
                    "body*.warnings",
                    "a sequence continued after unknown steps has the warning `unknown-length`",
                )
                for name in ("initial state", "inputs", "source with initial state")
            ),
            ("GET /models*", "body*.length_limits", "known lengths are listed"),
            ("GET /models*", "body*.checkpoint_limits", "known lengths are listed by checkpoint"),
            (
                "GET /models*",
                "body*.probes*.parameters*",
                "the steps before an initial state are a parameter",
            ),
            (
                "openapi.json",
                "openapi.* /lstm/*",
                "the steps before an initial state are a parameter and a field",
            ),
            ("openapi.json", "openapi.GET /models*", "models have known lengths"),
            *(
                (
                    "GET /lstm/generalisation*",
                    where,
                    "structured sequences and the certificate are measured too",
                )
                for where in ("body*", "headers.etag")
            ),
        )
    ),
    Expected(
        "GET /lstm/generalisation*If-None-Match*",
        (304, 200),
        "the length of the sequences is a parameter, which the ETag depends on",
    ),
    Expected(
        "* /lstm/attribution*integrated_gradients*",
        (200, 200),
        "integrated gradients halve the parts of the path on which their sum is off",
        "body*",
    ),
    *(
        Expected(
            "* /lstm/dynamics*",
            (200, 200),
            "points under a repeated word are searched, and only fixed points are called stable",
            where,
        )
        for where in ("body*", "headers.etag")
    ),
    *(
        Expected(
            "GET /lstm/dynamics*If-None-Match*",
            (304, status),
            "the word is a parameter, which the ETag depends on",
        )
        for status in (200, 304)
    ),
    Expected(
        "* /lstm/summary*",
        (200, 200),
        "bars of time constants end at 64 steps, and JSON has an infinite one as null",
        "body*",
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
        named = fnmatchcase(request.name, one.request) and fnmatchcase(difference.where, one.where)
        if named and statuses == one.statuses:
            return one.reason
    if difference.where != "body.pixels" or difference.share is None:
        return None
    for allowed in PICTURE_TOLERANCES:
        if fnmatchcase(request.operation, allowed.operation) and difference.share <= allowed.share:
            return allowed.reason
    return None
