"""lightwell_client: addresses of servers, and packages that are missing."""

import subprocess
import sys

import pytest

from lightwell_client import Lightwell
from lightwell_client.addresses import server_url
from tests.servers import ROOT

WITHOUT = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "{name}" else found(name, *rest)
import lightwell_client
"""


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://example.org/lightwell", "https://example.org/lightwell"),
        ("localhost:8000", "http://localhost:8000"),
        (" 127.0.0.1 ", "http://127.0.0.1"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("192.0.2.7:8000", "http://192.0.2.7:8000"),
        ("example.org/lightwell", "https://example.org/lightwell"),
    ],
)
def test_an_address_needs_no_scheme(address: str, url: str) -> None:
    """This machine and named ports have HTTP, other machines HTTPS."""
    assert server_url(address) == url


@pytest.mark.parametrize("address", ["", "ftp://example.org", "http://", "/models"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    """Before a request is sent."""
    with pytest.raises(ValueError, match=r"^url '.*' is no address of a server, such as http://"):
        Lightwell(address)


def test_a_server_is_asked_without_a_scheme(url: str) -> None:
    """The client of `127.0.0.1:8000` is answered."""
    with Lightwell(url.removeprefix("http://")) as lightwell:
        assert len(lightwell.models()) >= 2


@pytest.mark.parametrize("name", ["httpx2", "numpy"])
def test_a_missing_package_is_named(name: str) -> None:
    """With the command that installs it."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", WITHOUT.format(name=name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: lightwell_client needs the package {name}, which is not installed: "
        "pip install httpx2 numpy"
    )
