"""Public address: the server below a prefix of its proxy, which removes it from the path or not."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from api.access.proxies import TrustedProxies
from api.access.public_path import parse_prefix
from api.app import create_app
from api.middleware.public_address import PublicAddressMiddleware
from api.settings import Settings

PROXY, OTHER = "10.0.0.9", "192.0.2.7"
SECRET = "correct-horse-battery"  # noqa: S105 - of the tests


def public(
    path: str, *headers: tuple[str, str], root_path: str = "", peer: str = PROXY, inner: str = ""
) -> dict[str, Any]:
    """Return the scope that the middleware hands on for a request."""
    found: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(scope)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(_: Any) -> None: ...

    scope = {
        "type": "http",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": inner,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": (peer, 1) if peer else None,
    }
    middleware = PublicAddressMiddleware(app, root_path, TrustedProxies([PROXY]))
    asyncio.run(middleware(scope, receive, send))
    return dict(found[0])


def named(prefix: str) -> tuple[str, str]:
    """Header of a proxy that names its prefix."""
    return "x-forwarded-prefix", prefix


@pytest.mark.parametrize("path", ["/p/lstm/gates", "/lstm/gates"])
def test_a_prefix_that_the_proxy_removes_or_leaves_is_one(path: str) -> None:
    """By the setting or by the header of a trusted proxy, `path` begins with the root path."""
    for found in (public(path, root_path="/p"), public(path, named("/p"))):
        assert (found["root_path"], found["path"]) == ("/p", "/p/lstm/gates")
        assert found["raw_path"] == b"/p/lstm/gates"


@pytest.mark.parametrize("path", ["/pq/models", "/p%", "/"])
def test_another_path_with_the_same_beginning_is_not_below_the_prefix(path: str) -> None:
    """A prefix ends with a whole segment."""
    assert public(path, root_path="/p")["path"] == f"/p{path}"


def test_the_prefix_of_a_parent_is_inside_of_that_of_the_proxy() -> None:
    """A mounted application has both, and one that its parent has added is not added again."""
    found = public("/inner/models", root_path="/p", inner="/inner")
    assert (found["root_path"], found["path"]) == ("/p/inner", "/p/inner/models")
    found = public("/p/inner/models", root_path="/p", inner="/p/inner")
    assert (found["root_path"], found["path"]) == ("/p/inner", "/p/inner/models")


@pytest.mark.parametrize("peer", [OTHER, ""])
def test_headers_of_other_clients_count_for_nothing(peer: str) -> None:
    """A client that is no trusted proxy names neither prefix nor scheme."""
    found = public("/models", named("/evil"), ("x-forwarded-proto", "https"), peer=peer)
    assert (found["root_path"], found["path"], found["scheme"]) == ("", "/models", "http")


@pytest.mark.parametrize(
    ("headers", "prefix"),
    [
        ([named("/p/")], "/p"),
        ([named("/")], ""),
        ([named("/outer, /inner")], "/outer/inner"),
        ([named("/outer"), named("/inner")], "/outer/inner"),
        ([named("/user/a%40b.org/proxy/8000")], "/user/a@b.org/proxy/8000"),
        ([named("//evil.org")], "/set"),
        ([named("/a/../b")], "/set"),
        ([named("/a%2f%2fb")], "/set"),
        ([named("/a?b")], "/set"),
        ([named("https://evil.org")], "/set"),
        ([named("/" + 300 * "a")], "/set"),
        ([], "/set"),
    ],
)
def test_a_header_is_a_prefix_or_counts_for_nothing(
    headers: list[tuple[str, str]], prefix: str
) -> None:
    """Of several proxies the outermost is first; for one that is no path the setting counts."""
    found = public("/models", *headers, root_path="/set")
    assert (found["root_path"], found["path"]) == (prefix, f"{prefix}/models")


@pytest.mark.parametrize(
    ("value", "scheme"),
    [("https", "https"), ("HTTPS, http", "https"), ("http", "http"), ("gopher", "http")],
)
def test_the_scheme_is_that_of_the_outermost_proxy(value: str, scheme: str) -> None:
    """Another word than http and https counts for nothing."""
    assert public("/", ("x-forwarded-proto", value))["scheme"] == scheme


def test_the_setting_is_a_path() -> None:
    """A wrong one is an error with a sentence that shows a right one; a last slash is left out."""
    assert Settings(root_path="/deep/inside/").root_path == "/deep/inside"
    assert parse_prefix("") == ""
    for wrong in ("lightwell", "/a//b", "/a/./b", "http://host/a", "/a#b"):
        with pytest.raises(ValidationError, match="absolute path.*such as /lightwell"):
            Settings(root_path=wrong)


@pytest.fixture(scope="module")
def below() -> FastAPI:
    """An application below /p, by its setting or by the header of a proxy; it is not started."""
    settings = Settings(root_path="/p", trusted_proxies=(PROXY,), token=SECRET, rate=0)
    return create_app(settings)


def clients(app: FastAPI) -> list[TestClient]:
    """Clients whose proxies remove the prefix, leave it, or name another one."""
    removing = TestClient(app, client=(OTHER, 1))
    leaving = TestClient(app, base_url="http://testserver/p", client=(OTHER, 1))
    naming = TestClient(app, headers={"X-Forwarded-Prefix": "/other"}, client=(PROXY, 1))
    return [removing, leaving, naming]


def test_files_and_health_are_public_below_a_prefix(below: FastAPI) -> None:
    """They need no token, as without a prefix; the rest does, and the SDK is for any page."""
    for client in clients(below):
        for path in ("/livez", "/", "/explorer/main.js", "/sdk/lightwell.js"):
            answer = client.get(path, headers={"Origin": "https://example.org"})
            assert answer.status_code == 200, path
            is_open = answer.headers.get("access-control-allow-origin") == "*"
            assert is_open == path.startswith("/sdk/")
        assert client.get("/models").status_code == 401
        bearer = {"Authorization": f"Bearer {SECRET}"}
        assert client.get("/models", headers=bearer).status_code == 200


def test_a_signed_address_is_one_below_any_prefix(below: FastAPI) -> None:
    """The signature is of the path without the prefix."""
    bearer = {"Authorization": f"Bearer {SECRET}"}
    first, *_ = all_of_them = clients(below)
    signed = first.get("/signed?path=/samples/0.png", headers=bearer).json()["path"]

    assert signed.startswith("/samples/0.png?")
    for client in all_of_them:
        assert client.get(signed).status_code == 200


def test_the_cookie_is_for_the_folder_of_the_page(below: FastAPI) -> None:
    """Browsers take the folder of the page's address for a missing path; Secure is of https."""
    for client in clients(below):
        answer = client.get(f"/?token={SECRET}&a=1", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "./?a=1")
        assert "Path" not in answer.headers["set-cookie"]
        assert "Secure" not in answer.headers["set-cookie"]
    https = {"X-Forwarded-Proto": "https"}
    for peer, is_secure in ((PROXY, True), (OTHER, False)):
        client = TestClient(below, client=(peer, 1), headers=https)
        answer = client.get(f"/?token={SECRET}", follow_redirects=False)
        assert ("Secure" in answer.headers["set-cookie"]) == is_secure


def test_the_prefix_without_a_slash_leads_to_the_page(below: FastAPI) -> None:
    """With a token, too, whose cookie is then for all below the prefix."""
    client = TestClient(below, client=(OTHER, 1))
    answer = client.get("/p", follow_redirects=False)
    assert answer.headers["location"] == "http://testserver/p/"
    answer = client.get(f"/p?token={SECRET}", follow_redirects=False)
    assert answer.headers["location"] == "p/"
    assert "Path=/p/;" in answer.headers["set-cookie"]


def test_openapi_names_the_prefix(below: FastAPI) -> None:
    """As the address of its server; the document of /docs names it by a relative address."""
    bearer = {"Authorization": f"Bearer {SECRET}"}
    prefixes = ["/p", "/p", "/other"]
    for client, prefix in zip(clients(below), prefixes, strict=True):
        document = client.get("/openapi.json", headers=bearer).json()
        assert document["servers"] == [{"url": prefix}]
        shown = client.get("/docs/openapi.json", headers=bearer).json()
        assert shown == {**document, "servers": [{"url": ".."}]}
