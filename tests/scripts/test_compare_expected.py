"""Expected differences of a comparison: each explains one place of the requests it names."""

import pytest

from scripts.compare.differences import Difference
from scripts.compare.expected import reason_for
from scripts.compare.wire import Request


@pytest.mark.parametrize(
    ("name", "where", "explained"),
    [
        ("GET /models plain", "headers.cross-origin-resource-policy", True),
        ("POST /cnn/predict plain", "headers.cross-origin-resource-policy", True),
        ("openapi.json", "openapi.GET /signed", True),
        ("GET /lstm/gates plain", "headers.vary", True),
        ("GET /lstm/gates plain", "headers.allow", False),
        ("POST /cnn/predict plain", "body.prediction.logits", False),
        ("POST /lstm/gates plain", "body.warnings", False),
    ],
)
def test_an_expected_difference_is_one_place_of_some_requests(
    name: str, where: str, explained: bool
) -> None:
    """Additions are explained by place and request; other differences are not."""
    reason = reason_for(Request(name, "POST", "/x"), Difference(where, "a", "b"), (200, 200))

    assert (reason is not None) == explained
