"""The code of docs/clients.md: each client sends a picture and a sequence, as its snippet says."""

import json
import re
from pathlib import Path

import httpx2
import pytest

from tests.docs.fences import RUNNERS, SERVER, Fence, fences
from tests.servers import ROOT

NAME = "docs/clients.md"
PAGE = (ROOT / NAME).read_text(encoding="utf-8")
RUN = [one for one in fences() if one.page == NAME and one.language in RUNNERS and not one.not_run]


def heading(fence: Fence) -> str:
    """Heading of the section that a fence is in."""
    before = PAGE[: PAGE.index(fence.code)]
    return re.findall("^#+ (.*)$", before, re.MULTILINE)[-1]


@pytest.mark.parametrize("fence", RUN, ids=heading)
def test_a_client_gets_its_answers(fence: Fence, url: str, tmp_path: Path) -> None:
    """Each snippet runs by itself next to a picture of a 2, and each answer is 2 or yes."""
    (tmp_path / "digit.png").write_bytes(httpx2.get(f"{url}/samples/0.png").content)

    RUNNERS[fence.language](fence.code.replace(SERVER, url), tmp_path)

    for path in tmp_path.glob("*.json"):
        expected = "yes" if path.stem == "sequence" else "2"
        assert json.loads(path.read_bytes())["prediction"]["name"] == expected, path.name
