"""Fixtures of the client tests: the client, plain HTTP as the oracle, a sample."""

from collections.abc import Iterator

import httpx2
import pytest

from lightwell_client import Lightwell, Sample
from tests.servers import TIMEOUT_S


@pytest.fixture(scope="module")
def lightwell(url: str) -> Iterator[Lightwell]:
    """The client under test."""
    with Lightwell(url, timeout_s=TIMEOUT_S) as lightwell:
        yield lightwell


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx2.Client]:
    """Plain HTTP to the same server: the oracle."""
    with httpx2.Client(base_url=url, timeout=TIMEOUT_S) as http:
        yield http


@pytest.fixture(scope="module")
def digit(lightwell: Lightwell) -> Sample:
    """A test image with the label 7."""
    return lightwell.samples(label=7, count=1)[0]
