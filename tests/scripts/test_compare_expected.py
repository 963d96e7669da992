"""Expected differences of a comparison: each explains one place of the requests it names."""

import pytest

from scripts.compare.differences import Difference
from scripts.compare.expected import reason_for
from scripts.compare.wire import Request


@pytest.mark.parametrize(
    ("name", "where", "explained"),
    [
        ("POST /cnn/predict plain", "body.prediction.calibrated", True),
        ("POST /cnn/sweep body: inputs", "body.answers[1].prediction.reliability", True),
        ("POST /cnn/predict plain", "body.prediction.probabilities", False),
        ("POST /lstm/gates plain", "body.prediction.calibrated", False),
        ("GET /models plain", "body.models[0].training.calibration", True),
        ("GET /models/lstm plain", "body.training.metrics", False),
        ("POST /cnn/predict plain", "body.input.preparation.scale", False),
        ("POST /cnn/predict plain", "body.input.pixels[0][0]", False),
        ("POST /cnn/predict plain", "headers.vary", False),
        ("POST /cnn/predict plain", "body.warnings", False),
        ("POST /lstm/gates plain", "body.input.preparation.steps", False),
        ("POST /cnn/predict checkpoint: checkpoint=round-1", "body.warnings", False),
        ("POST /lstm/gates checkpoint: checkpoint=round-0", "body.warnings", True),
        ("POST /lstm/gates checkpoint: checkpoint=round-0", "body.tensors[0].data", False),
        ("POST /lstm/gates body: initial state", "body.warnings", True),
        ("POST /lstm/gates body: inputs format=npz", "body.metadata.answers[0].warnings", True),
        ("POST /lstm/gates body: text", "body.warnings", False),
        ("GET /models plain", "body.models[1].length_limits", True),
        ("GET /models/lstm plain", "body.checkpoints", False),
        ("openapi.json", "openapi.POST /lstm/gates.parameters", True),
        ("openapi.json", "openapi.GET /samples.parameters", False),
        ("GET /lstm/generalisation plain", "body.tensors[0].shape", True),
        ("POST /cnn/attribution plain", "body.warnings", True),
        ("POST /cnn/attribution format=npz", "body.metadata.measures", True),
        ("POST /cnn/attribution plain", "body.tensors[0].data", False),
        ("POST /cnn/attribution sanity=true", "body.tensors[4].data", True),
    ],
)
def test_an_expected_difference_is_one_place_of_some_requests(
    name: str, where: str, explained: bool
) -> None:
    """Additions are explained by place and request; other differences are not."""
    reason = reason_for(Request(name, "POST", "/x"), Difference(where, "a", "b"), (200, 200))

    assert (reason is not None) == explained
