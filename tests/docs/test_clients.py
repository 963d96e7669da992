"""The code of docs/clients.md: each client sends a picture and a sequence, as its snippet says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.docs.fences import RUNNERS, SERVER, Fence, fences
from tests.servers import ROOT, started

NAME = "docs/clients.md"
PAGE = (ROOT / NAME).read_text(encoding="utf-8")
RUN = [one for one in fences() if one.page == NAME and one.language in RUNNERS and not one.not_run]


def heading(fence: Fence) -> str:
    """Heading of the section that a fence is in."""
    before = PAGE[: PAGE.index(fence.code)]
    return re.findall("^#+ (.*)$", before, re.MULTILINE)[-1]


SECRET = "correct-horse-battery"  # noqa: S105 - of the tests
WITH_TOKEN = [one for one in RUN if "LIGHTWELL_TOKEN" in one.code]


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """Address of a ready server that needs a token."""
    with started("--token", f"anna:{SECRET}", ready="Ready after") as server:
        yield server.url


@pytest.mark.parametrize("fence", WITH_TOKEN, ids=heading)
def test_a_client_sends_the_token(
    fence: Fence, guarded: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server with the token answers each snippet, and loads what it has signed without one."""
    monkeypatch.setenv("LIGHTWELL_TOKEN", SECRET)
    (tmp_path / "digit.png").write_bytes(httpx2.get(f"{url}/samples/0.png").content)

    RUNNERS[fence.language](fence.code.replace(SERVER, guarded), tmp_path)

    for path in tmp_path.glob("signed.json"):
        signed = json.loads(path.read_bytes())["path"]
        assert httpx2.get(guarded + signed).headers["Content-Type"] == "image/png"
        assert httpx2.get(guarded + signed.partition("?")[0]).status_code == 401


def test_every_kind_of_client_sends_the_token() -> None:
    """There is a snippet with a token in each language."""
    assert {one.language for one in WITH_TOKEN} == {"bash", "python", "javascript"}


@pytest.mark.parametrize("fence", [one for one in RUN if one not in WITH_TOKEN], ids=heading)
def test_a_client_gets_its_answers(fence: Fence, url: str, tmp_path: Path) -> None:
    """Each snippet runs by itself next to a picture of a 2, and each answer is 2 or yes."""
    (tmp_path / "digit.png").write_bytes(httpx2.get(f"{url}/samples/0.png").content)

    RUNNERS[fence.language](fence.code.replace(SERVER, url), tmp_path)

    for path in tmp_path.glob("*.json"):
        expected = "yes" if path.stem == "sequence" else "2"
        assert json.loads(path.read_bytes())["prediction"]["name"] == expected, path.name
