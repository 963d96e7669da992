"""The page and the modules of the SDK, as files."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from api.app import create_app
from api.responses.assets import IMMUTABLE
from api.responses.page_document import fingerprint, page_document
from api.routes.page import EMBEDDED_PARTS, STATIC, read_files
from api.settings import Settings
from tests.tools import module, run

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
    # A document has fingerprints in its addresses, and its files are as they are.
    assert plain.content == path.read_bytes() or path.suffix == ".html"
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
    imports = re.findall(r'<script type="importmap">(.*?)</script>', answer.text)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in imports]
    assert re.findall(r"'sha256-(.*?)'", policy) == digests
    assert len(digests) == 1
    rest = answer.text.replace('<script type="importmap">', "")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", rest)
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


def test_addresses_of_the_page_have_fingerprints(cold: TestClient) -> None:
    """Under its fingerprint a file is immutable; under another one, or none, it is asked again."""
    page = cold.get("/").text
    named = re.findall(r'(?:href|src)="([^"]+\?v=[0-9a-f]+)"', page)
    imported = json.loads(re.findall(r'<script type="importmap">(.*?)</script>', page)[0])[
        "imports"
    ]

    assert len(named) > 20
    # Modules, and the style sheets that they load.
    assert {"./sdk/client.js", "./explorer/images/embedding/embedding.css"} <= set(imported)
    for address in (*named, *imported.values()):
        assert cold.get(address).headers["cache-control"] == IMMUTABLE
    stale = cold.get("/explorer/main.js?v=0123456789")
    assert (stale.status_code, stale.headers["cache-control"]) == (200, "no-cache")
    held = {"If-None-Match": cold.get(named[0]).headers["etag"]}
    again = cold.get(named[0], headers=held)
    assert (again.status_code, again.headers["cache-control"]) == (304, IMMUTABLE)
    assert cold.get("/").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/embed/digit"])
def test_a_document_has_its_policy_at_each_address(path: str, cold: TestClient) -> None:
    """The fingerprint of a document's file is no address of it without the security policy."""
    name = "index.html" if path == "/" else "embed/index.html"
    plain = cold.get(path)

    answer = cold.get(f"{path}?v={fingerprint((STATIC / name).read_bytes())}")

    assert answer.headers["content-security-policy"] == plain.headers["content-security-policy"]
    assert (answer.text, answer.headers["cache-control"]) == (plain.text, "no-cache")


def test_the_page_loads_modules_without_documentation(cold: TestClient, tmp_path: Path) -> None:
    """Under their fingerprints; minified, they are the same programs, and a fifth smaller."""
    page = cold.get("/").text
    imported = json.loads(re.findall(r'<script type="importmap">(.*?)</script>', page)[0])[
        "imports"
    ]
    sizes = {"plain": 0, "loaded": 0}
    for plain, address in imported.items():
        for kind, asked in (("plain", plain), ("loaded", address)):
            path = tmp_path / kind / plain
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cold.get(asked.removeprefix(".")).content)
            sizes[kind] += len(gzip.compress(path.read_bytes()))
    for kind in sizes:
        modules = sorted((tmp_path / kind).rglob("*.js"))
        run(
            module("esbuild/bin/esbuild"), *modules, "--minify", "--log-level=error",
            f"--outbase={tmp_path / kind}", f"--outdir={tmp_path / 'minified' / kind}",
            cwd=tmp_path,
        )  # fmt: skip

    assert sizes["loaded"] < 0.8 * sizes["plain"]
    for path in (tmp_path / "minified" / "plain").rglob("*.js"):
        other = tmp_path / "minified" / "loaded" / path.relative_to(tmp_path / "minified" / "plain")
        assert path.read_bytes() == other.read_bytes()


def test_modules_of_the_page_are_loaded_at_once(cold: TestClient) -> None:
    """Those that it imports before it runs are in the document; later ones have their address."""
    page = cold.get("/").text
    hinted = re.findall(r'<link rel="modulepreload" href="([^"?]+)', page)

    assert hinted[0] == "explorer/main.js"
    assert "sdk/client.js" in hinted
    assert "explorer/token-form.js" not in hinted
    assert '"./explorer/token-form.js?v=' in page


def test_a_changed_file_changes_its_address() -> None:
    """And that of no other file; a document below a folder has addresses relative to it."""
    html = '<head><script type="module" src="main.js"></script></head>'
    files = {"page/main.js": b'import "../sdk/a.js";\n', "sdk/a.js": b"1", "sdk/b.js": b"1"}
    first = page_document(html, files, "page").html
    second = page_document(html, {**files, "sdk/a.js": b"2"}, "page").html

    address = re.compile(r'"([\w./]+\?v=\w+)"')
    assert {one.split("?")[0] for one in address.findall(first)} == {
        "./main.js", "main.js", "../sdk/a.js",
    }  # fmt: skip
    changed = set(address.findall(first)) ^ set(address.findall(second))
    assert {one.split("?")[0] for one in changed} == {"../sdk/a.js"}


@pytest.mark.parametrize("part", EMBEDDED_PARTS)
def test_views_are_framed_by_sites_that_are_named(part: str, cold: TestClient) -> None:
    """And everything else by the server itself alone."""
    sites = ("https://example.org", "http://127.0.0.1:*")
    open_to_some = TestClient(create_app(Settings(frame_ancestors=sites)))

    def ancestors(client: TestClient, path: str) -> str:
        policy = client.get(path).headers["content-security-policy"]
        return re.findall(r"frame-ancestors ([^;]*)", policy)[0]

    assert ancestors(cold, f"/embed/{part}") == "'self'"
    assert ancestors(open_to_some, f"/embed/{part}") == f"'self' {' '.join(sites)}"
    assert ancestors(open_to_some, "/") == "'self'"
    assert ancestors(open_to_some, "/docs") == "'self'"


def test_an_unknown_view_is_named(cold: TestClient) -> None:
    """With those that there are."""
    answer = cold.get("/embed/nonsense")

    assert answer.status_code == 404
    assert answer.json()["detail"] == ("The embedded parts are attribution, digit, gates, layer.")


@pytest.mark.parametrize("wrong", ["example.org", "https://a.org; script-src *", "https://a b"])
def test_a_site_that_is_no_origin_is_refused(wrong: str) -> None:
    """It would become a part of the header."""
    with pytest.raises(ValidationError, match="which is no origin such as https://example.org"):
        Settings(frame_ancestors=(wrong,))


def test_only_known_kinds_of_files_are_read(tmp_path: Path) -> None:
    """A stray file beside the modules is not served."""
    for name in ("index.html", "sdk/a.js", "sdk/deep/b.css", "sdk/notes.txt", "other/c.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x" * 500)

    assert set(read_files(tmp_path)) == {"index.html", "sdk/a.js", "sdk/deep/b.css"}
