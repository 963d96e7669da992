"""Histogram of one thread: equal to that of the Prometheus client library."""

import random

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from api.middleware.histogram import Histogram

BOUNDS = (0.001, 0.5, 1, 10)


def exposition(registry: CollectorRegistry) -> list[str]:
    """Return the lines of a registry, without the values of the times of creation."""
    lines = generate_latest(registry).decode().splitlines()
    return [
        one.rpartition(" ")[0] if "_created{" in one or "_created " in one else one for one in lines
    ]


@pytest.mark.parametrize("label", [None, "route"])
def test_a_histogram_exposes_what_the_client_library_does(label: str | None) -> None:
    """Every line is the same, at the bounds of the buckets and between them."""
    dice = random.Random(0)  # noqa: S311 - a game
    values = [*BOUNDS, 0.0, 11.5, *(dice.expovariate(1) for _ in range(100))]
    own, library = CollectorRegistry(), CollectorRegistry()
    found = Histogram("some_seconds", "Seconds of some.", BOUNDS, label)
    own.register(found)
    labels = [] if label is None else [label]
    expected = prometheus_client.Histogram(
        "some_seconds", "Seconds of some.", labels, buckets=BOUNDS, registry=library
    )
    for index, value in enumerate(values):
        name = 'a "b"' if index % 3 else "c"
        found.series(name if labels else "").observe(value)
        (expected.labels(name) if labels else expected).observe(value)
    assert exposition(own) == exposition(library)
