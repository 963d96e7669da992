"""The code in docs/python-client.md."""

import re

from tests.servers import ROOT

PAGE = (ROOT / "docs" / "python-client.md").read_text(encoding="utf-8")


def blocks(language: str, url: str = "") -> list[str]:
    """Code blocks of the page in one language, with the address of the test's server."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return [code.replace("http://127.0.0.1:8000", url) for code in found]
