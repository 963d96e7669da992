"""Guesses of tokens: their rate, and the clients that it does not keep out."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.access.credentials import WRONG
from api.access.guesses import GUESSES_A_MINUTE, Guesses
from api.access.rates import MAX_CLIENTS
from api.access.signed_addresses import sign
from api.access.tokens import LONG, Tokens
from api.app import create_app
from api.settings import Settings

SHORT, LONG_SECRET, OTHER = "correct-horse", "a-token-of-many-characters", "another-secret"
TOKENS = f"anna:{SHORT},ben:{LONG_SECRET},eve:{OTHER}"
ADDRESS = "192.0.2.9"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """An application that needs a token, and is not started, so that it computes nothing."""
    return create_app(Settings(token=TOKENS, cache=None, rate=0))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Client of an address that has sent no wrong token, whose times do not pass."""
    app.state.guard._guesses = Guesses(lambda: 0.0)
    return at(app, ADDRESS)


def at(app: FastAPI, address: str) -> TestClient:
    """Client of an application with an address."""
    return TestClient(app, base_url="http://192.0.2.1", client=(address, 5))


def bearer(secret: str) -> dict[str, str]:
    """Header with a token."""
    return {"Authorization": f"Bearer {secret}"}


def use_up(client: TestClient) -> None:
    """Send as many wrong tokens as an address may, and one more."""
    for number in range(GUESSES_A_MINUTE + 1):
        answer = client.get("/models", headers=bearer(f"wrong-{number}"))
        assert answer.status_code == (401 if number < GUESSES_A_MINUTE else 429)


def as_header(client: TestClient, secret: str) -> int:
    """Send a token as a header; return the status."""
    return client.get("/models", headers=bearer(secret)).status_code


def as_login(client: TestClient, secret: str) -> int:
    """Send a token in the address of the page; return the status."""
    found = client.get(f"/?token={secret}", follow_redirects=False).status_code
    client.cookies.clear()
    return found


def as_cookie(client: TestClient, secret: str) -> int:
    """Send the cookie of a token; return the status."""
    name = Tokens.parse(TOKENS).cookie_name
    cookie = f"{name}={Tokens.cookie(secret.encode())}"
    return client.get("/models", headers={"Cookie": cookie}).status_code


def as_signature(client: TestClient, secret: str) -> int:
    """Send an address that a token has signed; return the status."""
    names = {SHORT: "anna", LONG_SECRET: "ben", OTHER: "eve"}
    holder = names.get(secret, "anna")
    address = sign(Tokens.parse(f"{holder}:{secret}"), holder, "/models", 10**11)
    return client.get(address).status_code


@pytest.mark.parametrize("send", [as_header, as_login, as_cookie, as_signature])
def test_wrong_tokens_of_an_address_have_a_rate(
    app: FastAPI, client: TestClient, send: Callable[[TestClient, str], int]
) -> None:
    """In each form the wrong tokens beyond the limit are a 429; another address has its own."""
    statuses = [send(client, f"wrong-secret-{number}") for number in range(GUESSES_A_MINUTE + 3)]
    refused = 303 if send is as_login else 401
    assert statuses == [refused] * GUESSES_A_MINUTE + [429] * 3
    assert send(at(app, "192.0.2.10"), "wrong-secret") == refused


@pytest.mark.parametrize("send", [as_header, as_login, as_cookie, as_signature])
def test_beyond_the_rate_no_short_token_is_found(
    client: TestClient, send: Callable[[TestClient, str], int]
) -> None:
    """The right short token of a new client is a 429 as the wrong ones are; a long one is not."""
    use_up(client)
    assert send(client, SHORT) == 429
    assert send(client, LONG_SECRET) in {200, 303}


def test_a_holder_that_was_let_in_before_is_not_kept_out(client: TestClient) -> None:
    """Others that share the address of a client cannot lock it out, nor find further tokens."""
    assert as_header(client, SHORT) == 200
    use_up(client)
    for send in (as_header, as_login, as_cookie, as_signature):
        assert send(client, SHORT) in {200, 303}
        assert send(client, OTHER) == 429


def test_the_answer_says_when_the_next_token_is_examined(client: TestClient) -> None:
    """`Retry-After` has the seconds until the address may send one more."""
    use_up(client)
    answer = client.get("/models", headers=bearer("wrong-secret"))
    assert answer.json()["type"] == "urn:lightwell:problem:too-many-requests"
    assert answer.headers["retry-after"] == str(60 // GUESSES_A_MINUTE)


def test_health_and_requests_without_a_token_are_not_counted(client: TestClient) -> None:
    """A wrong token does not keep a monitor out, and clients that have none yet are no guesses."""
    for _ in range(2 * GUESSES_A_MINUTE):
        assert client.get("/livez", headers=bearer("wrong-secret")).status_code == 200
        assert client.get("/models").status_code == 401
        assert client.get("/sdk/lightwell.js").status_code == 200
        assert client.get("/models", headers={"Authorization": "Basic YTpi"}).status_code == 401
    assert as_header(client, "wrong-secret") == 401


def test_addresses_of_one_prefix_are_one_client(app: FastAPI, client: TestClient) -> None:
    """A client with a prefix of IPv6 addresses has the guesses of one."""
    statuses = [
        as_header(at(app, f"2001:db8::{number:x}"), "wrong-secret")
        for number in range(1, GUESSES_A_MINUTE + 2)
    ]
    assert statuses == [401] * GUESSES_A_MINUTE + [429]


def test_several_tokens_of_one_request_are_none(client: TestClient) -> None:
    """Of two `Authorization` headers a proxy may have checked the other one."""
    twice: Any = [
        ("authorization", f"Bearer {LONG_SECRET}"),
        ("authorization", f"Bearer {SHORT}"),
    ]
    assert client.get("/models", headers=twice).status_code == 401


def test_the_header_of_a_proxy_leaves_the_cookie_its_right(client: TestClient) -> None:
    """`Authorization: Basic` is for a proxy in front; the cookie of the page counts."""
    name, value = Tokens.parse(TOKENS).cookie_name, Tokens.cookie(LONG_SECRET.encode())
    headers = {"Authorization": "Basic YTpi", "Cookie": f"a=b; {name}={value}; c=d"}
    assert client.get("/models", headers=headers).status_code == 200


def test_guesses_return_at_their_rate() -> None:
    """After six seconds one more is examined."""
    now, tokens = [0.0], Tokens.parse(TOKENS)
    guesses = Guesses(lambda: now[0])
    waits = [guesses.wait(tokens, ADDRESS, WRONG) for _ in range(GUESSES_A_MINUTE + 1)]
    assert waits[:-1] == [0.0] * GUESSES_A_MINUTE
    assert guesses.wait(tokens, ADDRESS, "anna") == waits[-1] == 60 / GUESSES_A_MINUTE
    now[0] = waits[-1]
    assert guesses.wait(tokens, ADDRESS, "anna") == 0.0
    assert guesses.wait(tokens, ADDRESS, WRONG) == 0.0
    assert guesses.wait(tokens, ADDRESS, WRONG) > 0.0


def test_the_tables_of_guesses_are_bounded() -> None:
    """Holders at any number of addresses take the memory of a bounded number."""
    tokens, guesses = Tokens.parse(TOKENS), Guesses(lambda: 0.0)
    for number in range(MAX_CLIENTS + 10):
        guesses.wait(tokens, f"address {number}", "anna")
    for address, is_known in (("address 0", False), (f"address {MAX_CLIENTS}", True)):
        for _ in range(GUESSES_A_MINUTE):
            guesses.wait(tokens, address, WRONG)
        assert (guesses.wait(tokens, address, "anna") == 0.0) == is_known


def test_a_long_token_has_too_many_characters_to_be_guessed() -> None:
    """Made-up tokens are long, and a word with a number is not."""
    tokens = Tokens.parse(f"anna:{'x' * LONG},ben:{'x' * (LONG - 1)}")
    assert (tokens.is_long("anna"), tokens.is_long("ben")) == (True, False)
