"""The page and the modules of the SDK, as files."""

import gzip
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.routes.page import STATIC, read_assets
from api.settings import Settings

FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def cold() -> TestClient:
    """A server whose models are not compiled: files need none."""
    return TestClient(create_app(Settings()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_every_file_is_served(path: Path, cold: TestClient) -> None:
    """As it is, with its type; gzip where that is smaller; 304 to who holds it."""
    name = path.relative_to(STATIC).as_posix()
    address = "/" if name == "index.html" else f"/{name}"
    plain = cold.get(address, headers={"Accept-Encoding": "identity"})

    assert plain.status_code == 200
    assert plain.content == path.read_bytes()
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
    assert plain.headers["content-type"].startswith(kinds.get(path.suffix, "image/svg+xml"))
    assert plain.headers["cache-control"] == "no-cache"
    zipped = cold.get(address, headers={"Accept-Encoding": "gzip"})
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"] or len(plain.content) < 100
    for held in (plain, zipped):
        encoding = "gzip" if held is zipped else "identity"
        tags = {"If-None-Match": held.headers["etag"], "Accept-Encoding": encoding}
        again = cold.get(address, headers=tags)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["vary"].startswith("Accept-Encoding")


def test_head_is_get_without_a_body(cold: TestClient) -> None:
    """The same headers, nothing else."""
    asked = {"Accept-Encoding": "identity"}
    head, get = cold.head("/", headers=asked), cold.get("/", headers=asked)

    assert head.content == b""
    for name in ("etag", "content-type", "content-length", "content-security-policy"):
        assert head.headers[name] == get.headers[name]


def test_the_page_runs_nothing_but_its_own(cold: TestClient) -> None:
    """A strict policy, and no script, style or address in the page that it would have to allow."""
    answer = cold.get("/")
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)


def test_modules_ask_nobody_else() -> None:
    """Every address in a module or a style sheet is an example in a comment, or a namespace."""
    for path in FILES:
        if path.suffix not in {".js", ".css"}:
            continue
        code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        for address in re.findall(r"https?://[^\s\"'`)]+", code):
            assert address.startswith("http://www.w3.org/"), (path.name, address)


def test_the_sdk_may_be_imported_from_anywhere(cold: TestClient) -> None:
    """A module script of another origin needs both headers; the page's own parts stay its own."""
    module = cold.get("/sdk/lightwell.js", headers={"Origin": "https://example.org"})

    assert module.headers.get_list("access-control-allow-origin") == ["*"]
    assert module.headers["cross-origin-resource-policy"] == "cross-origin"
    page = cold.get("/explorer/main.js")
    assert page.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path", ["/sdk/none.js", "/explorer/../index.html", "/sdk/..%2f..%2fapp.py", "/explorer/"]
)
def test_what_is_no_file_is_a_problem(path: str, cold: TestClient) -> None:
    """The usual 404; no path leads out of the folders."""
    answer = cold.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_known_kinds_of_files_are_read(tmp_path: Path) -> None:
    """A stray file beside the modules is not served."""
    for name in ("index.html", "sdk/a.js", "sdk/deep/b.css", "sdk/notes.txt", "other/c.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x" * 500)

    assets = read_assets(tmp_path)

    assert set(assets) == {"index.html", "sdk/a.js", "sdk/deep/b.css"}
    zipped = assets["sdk/a.js"].gzipped
    assert zipped is not None
    assert gzip.decompress(zipped.content) == b"x" * 500
