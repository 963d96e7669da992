"""lightwell_client token: where it is from, the header that bears it, and signed addresses."""

import httpx2
import pytest

from lightwell_client import Lightwell
from lightwell_client.authorization import own_authorization
from tests.clients.scripted import scripted

TWO = "anna:secret-of-anna,ben:secret-of-ben"


def header(token: str | None) -> str | None:
    """Return the header `Authorization` of a client's requests."""
    with Lightwell("http://127.0.0.1:9", token=token) as lightwell:
        found: str | None = lightwell._http.headers.get("Authorization")
        return found


@pytest.mark.parametrize(
    ("token", "variable", "expected"),
    [
        ("given", "set", "Bearer given"),
        ("anna:given", "set", "Bearer anna:given"),
        (None, "set", "Bearer set"),
        (None, "anna:secret-of-anna", "Bearer secret-of-anna"),
        (None, " anna:a:b, ", "Bearer a:b"),
        (None, "none", None),
        (None, "", None),
        ("", "set", None),
        ("given", TWO, "Bearer given"),
        ("none", TWO, None),
    ],
)
def test_the_token_is_a_header(
    monkeypatch: pytest.MonkeyPatch, token: str | None, variable: str, expected: str | None
) -> None:
    """The argument, else the secret of `LIGHTWELL_TOKEN`, is sent as a bearer token."""
    monkeypatch.setenv("LIGHTWELL_TOKEN", variable)

    assert header(token) == expected


@pytest.mark.parametrize(
    ("variable", "names"), [(TWO, r"2 tokens \(anna, ben\)"), ("aaaa,bbbb", "2 tokens")]
)
def test_tokens_of_several_holders_are_an_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, names: str
) -> None:
    """A variable that is meant for the server does not say which token is the client's."""
    monkeypatch.setenv("LIGHTWELL_TOKEN", variable)

    with pytest.raises(ValueError, match=names) as caught:
        Lightwell()

    assert "Lightwell(url, token=…)" in str(caught.value)
    assert "secret-of" not in str(caught.value)
    assert "aaaa" not in str(caught.value)


@pytest.mark.parametrize(("variable", "secret"), [(TWO, "secret-of-anna"), ("none", None)])
def test_a_server_in_this_process_gets_its_first_token(
    monkeypatch: pytest.MonkeyPatch, variable: str, secret: str | None
) -> None:
    """`Lightwell.local` has the tokens of its server, and sends the first one."""
    monkeypatch.setenv("LIGHTWELL_TOKEN", variable)

    assert own_authorization() == ({"Authorization": f"Bearer {secret}"} if secret else {})


@pytest.mark.parametrize("token", ["two words", "é", "line\nbreak"])
def test_a_token_that_no_header_can_have_is_an_error(token: str) -> None:
    """Such a token is refused at once, by a sentence that does not repeat it."""
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        Lightwell(token=token)

    assert token not in str(caught.value)


def test_a_signed_address_is_the_url_that_the_server_returns() -> None:
    """`signed` sends path and query as one parameter."""
    asked: list[httpx2.URL] = []
    signed = "/lstm/gates.png?sequence=10&units=0%2C3&holder=anna&expires=9&signature=f"

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url)
        return httpx2.Response(200, json={"path": signed, "expires": 9})

    url = scripted(answer).signed("/lstm/gates.png", seconds=60, sequence="10", units=[0, 3])

    assert url == f"http://server{signed}"
    assert asked[0].path == "/signed"
    path = asked[0].params["path"]
    assert path == "/lstm/gates.png?sequence=10&units=0%2C3"
    assert asked[0].params["seconds"] == "60"
