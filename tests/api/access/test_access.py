"""Access of every route: methods, tokens, pages of other sites, hosts and rates."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.access.guard import Guard
from api.app import create_app
from api.settings import Settings

SECRET = "correct-horse"  # noqa: S105 - of the tests
BEARER = {"Authorization": f"Bearer {SECRET}"}
PUBLIC = (
    "/livez",
    "/readyz",
    "/",
    "/favicon.ico",
    "/explorer/icon.svg",
    "/sdk/lightwell.js",
    "/v2/health/live",
)
METHODS = ("GET", "HEAD", "POST", "TRACE", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def guarded() -> FastAPI:
    """An application that needs a token, and is not started, so that it computes nothing."""
    return create_app(Settings(token=f"anna:{SECRET},ben:another-secret", cache=None))


def remote(app: FastAPI) -> TestClient:
    """Client of an application on another machine."""
    return TestClient(app, base_url="http://192.0.2.1", client=("192.0.2.9", 5))


@pytest.fixture
def asked(guarded: FastAPI) -> TestClient:
    """Client on another machine of the application that needs a token."""
    guarded.state.guard.rules.rates.wait = lambda _: 0.0
    return remote(guarded)


def own(**settings: Any) -> TestClient:
    """Client on another machine of an application with some settings, which is not started."""
    return remote(create_app(Settings(cache=None, **settings)))


def paths(app: FastAPI) -> Iterator[str]:
    """Path of every route, with the parameters of paths filled in."""
    for path in dict.fromkeys(getattr(route, "path", "/") for route in app.routes):
        filled = path.replace("{name:path}", "none").replace("{model}", "lstm")
        yield filled.replace("{number}", "0").replace("{index}", "0").replace("{version}", "1")


def is_public(path: str) -> bool:
    """Tell whether a path needs no token."""
    return path in PUBLIC or path.startswith(("/embed/", "/explorer/", "/sdk/", "/v2/health/"))


def test_every_route_needs_the_token_but_for_the_public_ones(
    guarded: FastAPI, asked: TestClient
) -> None:
    """Without a token every route is a 401, in every method; health and static files are not."""
    for path in paths(guarded):
        for method in METHODS:
            response = asked.request(method, path)
            assert (response.status_code != 401) == is_public(path), (method, path)
            assert response.status_code != 500, (method, path)
            assert is_public(path) or response.headers["www-authenticate"].startswith("Bearer")


def test_methods_that_no_route_has_are_refused(guarded: FastAPI, asked: TestClient) -> None:
    """TRACE and DELETE of any path are refused, with a token too."""
    for path in paths(guarded):
        for method in ("TRACE", "DELETE"):
            response = asked.request(method, path, headers=BEARER)
            assert response.status_code in {404, 405}, (method, path)


def test_pages_of_allowed_origins_may_send_the_token_to_every_route(
    guarded: FastAPI, asked: TestClient
) -> None:
    """A preflight needs no token, and a refusal can be read; other origins get neither."""
    allowed, foreign = {"Origin": "http://localhost:5173"}, {"Origin": "https://attacker.example"}
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    for path in paths(guarded):
        answer = asked.options(path, headers={**allowed, **wanted})
        assert answer.status_code == 200, path
        assert answer.headers["access-control-allow-origin"] == allowed["Origin"]
        assert "authorization" in answer.headers["access-control-allow-headers"]
        refused = asked.options(path, headers={**foreign, **wanted})
        assert refused.status_code == 400, path
        assert "access-control-allow-origin" not in refused.headers
        if not is_public(path):
            answer = asked.get(path, headers=allowed)
            assert answer.status_code == 401
            own = "*" if path.endswith(".png") else allowed["Origin"]
            assert answer.headers["access-control-allow-origin"] == own


def test_no_answer_behind_a_token_is_kept_by_shared_caches(
    guarded: FastAPI, asked: TestClient
) -> None:
    """`Cache-Control` of every route is private, or keeps nothing."""
    for path in paths(guarded):
        kept = asked.get(path, headers=BEARER).headers["cache-control"]
        assert "private" in kept or "no-store" in kept, path


@pytest.mark.parametrize("path", PUBLIC)
def test_health_and_static_files_need_no_token(asked: TestClient, path: str) -> None:
    """A load balancer has no token, and the page must open to ask for one."""
    assert asked.get(path).status_code in {200, 503}


@pytest.mark.parametrize(
    "header",
    [b"Bearer wrong-secret", b"Bearer \xff\xfe", b"Bearer", b"Basic abc", b"x" * 100_000, b""],
)
def test_a_wrong_token_is_refused(asked: TestClient, header: bytes) -> None:
    """Any bytes in its place are a 401, never a 500."""
    headers: Any = [(b"authorization", header)]
    assert asked.get("/models", headers=headers).status_code == 401


def test_the_token_is_taken_as_header_and_as_cookie_of_the_page(asked: TestClient) -> None:
    """The page's address with a token redirects to the one without; the cookie lets it in."""
    assert asked.get("/models", headers=BEARER).status_code == 200
    assert asked.get("/models", headers=BEARER).headers["cache-control"].startswith("private")
    response = asked.get(f"/?token={SECRET}&view=1", follow_redirects=False)
    assert response.status_code == 303
    assert response.headers["location"] == "./?view=1"
    assert response.headers["referrer-policy"] == "no-referrer"
    cookie = response.headers["set-cookie"]
    assert SECRET not in cookie
    for part in ("HttpOnly", "SameSite=strict"):
        assert part in cookie
    assert "Path=" not in cookie  # it is for the folder of the page, under any prefix
    assert asked.get("/models").status_code == 200  # the client keeps the cookie
    asked.cookies.clear()
    response = asked.get("/?token=wrong-secret", follow_redirects=False)
    assert (response.status_code, "set-cookie" in response.headers) == (303, False)
    assert asked.get(f"/models?token={SECRET}").status_code == 401


def test_a_signed_address_needs_no_token(asked: TestClient) -> None:
    """It answers for its own path and query, and for no other."""
    path = "/samples/0.png"
    assert asked.get("/signed", params={"path": path}).status_code == 401
    signed = asked.get("/signed", params={"path": path}, headers=BEARER).json()
    assert asked.get(signed["path"]).status_code == 200
    assert asked.get(signed["path"].replace("0.png", "1.png")).status_code == 401
    assert asked.post(signed["path"]).status_code == 401
    wrong = asked.get("/signed", params={"path": "//example.com/x"}, headers=BEARER)
    assert wrong.status_code == 422
    assert own().get("/signed", params={"path": path}).json() == {"path": path, "expires": None}


def test_metrics_are_public_where_the_setting_says_so(asked: TestClient) -> None:
    """Prometheus needs the token, or the setting."""
    assert asked.get("/metrics").status_code == 401
    assert own(token=SECRET, metrics="public").get("/metrics").status_code == 200


def test_the_holder_of_a_token_is_the_client(guarded: FastAPI) -> None:
    """Rates, turns and limits go by the name of the token, from any address."""
    guard: Guard = guarded.state.guard
    scope: dict[str, Any] = {
        "method": "GET",
        "path": "/models",
        "query_string": b"",
        "headers": [(b"authorization", b"bearer another-secret")],
        "client": ("192.0.2.9", 5),
        "state": {},
    }
    guard.check(scope)
    assert scope["state"] == {"client": "ben"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://192.0.2.1"}, 503),
        ({"Origin": "http://localhost:3000"}, 503),
        ({"Origin": "https://allowed.example", "Sec-Fetch-Site": "cross-site"}, 503),
        ({"Sec-Fetch-Site": "same-origin"}, 503),
        ({}, 503),
    ],
)
def test_a_page_of_another_site_cannot_post(headers: dict[str, str], status: int) -> None:
    """Browsers send forms of any page: such a request is refused before its body is read.

    The others are let in, to models that are not compiled.
    """
    client = own(cors_origins=("https://allowed.example",))
    assert client.post("/lstm/gates", headers=headers, json={}).status_code == status
    assert client.get("/models", headers=headers).status_code == 200


def test_a_foreign_name_of_the_server_is_refused() -> None:
    """A page whose own name leads here gets no answer; addresses and listed names do."""
    client = own(hosts=("lab.example",))
    for host, status in (("192.0.2.1", 200), ("lab.example", 200), ("attacker.example", 400)):
        assert client.get("/models", headers={"Host": host}).status_code == status
    assert own().get("/models", headers={"Host": "any.example"}).status_code == 200


def test_a_client_over_its_rate_is_told_when_to_return() -> None:
    """Beyond the burst each request is a 429 with `Retry-After`, but for health checks."""
    client = own(rate=0.5, burst=3)
    statuses = [client.get("/models").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert client.get("/models").headers["retry-after"] == "2"
    assert client.get("/livez").status_code == 200
    local = TestClient(create_app(Settings(cache=None, burst=1)), client=("127.0.0.1", 5))
    assert [local.get("/models").status_code for _ in range(5)] == [200] * 5


def test_the_files_of_the_page_are_in_no_rate() -> None:
    """A page is a hundred files: those who open it behind one address leave each other a rate."""
    client = own(rate=0.5, burst=3)
    for path in ("/explorer/main.js", "/sdk/lightwell.js"):
        assert [client.get(path).status_code for _ in range(20)] == [200] * 20
    assert [client.get("/models").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_client_behind_a_local_proxy_has_a_rate_with_a_token_too() -> None:
    """The address that the proxy forwards counts, and not that of the proxy on this machine."""
    app = create_app(Settings(cache=None, token=SECRET, trusted_proxies=("127.0.0.1",)))
    app.state.guard.rules.rates.wait = lambda _: 1.0
    client = TestClient(app, client=("127.0.0.1", 5))
    forwarded = {**BEARER, "X-Forwarded-For": "192.0.2.9"}
    assert client.get("/models", headers=forwarded).status_code == 429
    assert client.get("/models", headers=BEARER).status_code == 200


def test_pictures_and_the_sdk_are_for_any_page_and_the_rest_is_not() -> None:
    """`Cross-Origin-Resource-Policy` lets pages embed pictures and modules alone."""
    client = own()
    policies = {
        path: client.get(path).headers["cross-origin-resource-policy"]
        for path in ("/samples/0.png", "/sdk/lightwell.js", "/models", "/", "/metrics")
    }
    assert list(policies.values()) == ["cross-origin"] * 2 + ["same-origin"] * 3
    for path in ("/", "/docs", "/redoc"):
        headers = client.get(path).headers
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src 'self' 'unsafe-inline'" not in headers["content-security-policy"]


def test_the_form_of_the_page_posts_the_token_in_a_header(asked: TestClient) -> None:
    """The cookie of the answer lets the page in; a wrong token, or another path, sets none."""
    response = asked.post("/", headers=BEARER)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["cache-control"] == "no-store"
    for part in ("HttpOnly", "SameSite=strict"):
        assert part in response.headers["set-cookie"]
    assert "Path=" not in response.headers["set-cookie"]
    assert SECRET not in response.headers["set-cookie"]
    assert asked.get("/models").status_code == 200
    asked.cookies.clear()

    for headers, path, status in (
        ({"Authorization": "Bearer wrong-secret"}, "/", 401),
        ({"Authorization": "Basic abc"}, "/", 401),
        ({}, "/", 405),
        (BEARER, "/models", 405),
        (BEARER | {"Origin": "https://attacker.example"}, "/", 403),
    ):
        response = asked.post(path, headers=headers)
        assert (response.status_code, "set-cookie" in response.headers) == (status, False)
    assert own().post("/", headers=BEARER).status_code == 405
