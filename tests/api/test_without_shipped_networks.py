"""A server whose shipped networks were removed serves a user's network alone."""

import json
import shutil
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.networks import copy_renamed
from tests.servers import ROOT, started


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server in a copy of the source without models/shipped/cnn and lstm."""
    root = tmp_path_factory.mktemp("source")
    for package in ("api", "models", "probes"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, root / package, ignore=ignored)
    copy_renamed("lstm", root / "networks" / "counting")
    for name in ("cnn", "lstm"):
        shutil.rmtree(root / "models" / "shipped" / name)
    with started(
        "--models", str(root / "networks"), "--strict", root=root, ready="Ready after"
    ) as server:
        yield server.url


def read(url: str) -> bytes:
    """Read an address of the test's own server."""
    content: bytes = urlopen(url).read()  # noqa: S310
    return content


def test_the_models_are_the_users_alone(url: str) -> None:
    """No route, finding or list is about networks that are not there."""
    assert [model["name"] for model in json.loads(read(f"{url}/models"))["models"]] == ["counting"]
    assert json.loads(read(f"{url}/findings"))["findings"] == []
    with pytest.raises(HTTPError, match="404"):
        read(f"{url}/lstm/gates?sequence=101")


def test_the_network_answers(url: str) -> None:
    """Predictions, gates and the page need no shipped network."""
    body = json.dumps({"sequence": "10110"}).encode()
    post = Request(f"{url}/counting/gates", body, {"Content-Type": "application/json"})  # noqa: S310
    answer = json.loads(urlopen(post).read())  # noqa: S310

    assert answer["prediction"]["name"] == "yes"
    assert b"<title>" in read(f"{url}/")
    assert read(f"{url}/samples/0.png").startswith(b"\x89PNG")
