"""Fixtures of the reliability tests: whether a fault of one client is noticed by others."""

from collections.abc import Iterator

import pytest

from tests.reliability.wire import get, prediction


@pytest.fixture
def others_are_served(url: str) -> Iterator[None]:
    """A valid prediction has the same answer before and after; the server is ready."""
    before = prediction(url)
    yield
    assert prediction(url) == before
    assert get(url, "/readyz").status == 200
