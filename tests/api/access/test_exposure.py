"""Exposure of a server: names, made-up tokens, and the lines that say who can reach it."""

import logging
import socket
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.exposure import OPEN_TO_ALL, exposure_lines, is_exposed, with_access
from api.access.tokens import LONG, NONE, Tokens
from api.app import create_app
from api.settings import Settings

URL = "http://127.0.0.1:8000"
SECRET = "correct-horse-battery"  # noqa: S105 - of the tests


def settings(**given: Any) -> Settings:
    """Settings of a server without a cache."""
    return Settings(cache=None, **given)


def lines(given: Settings) -> list[str]:
    """Lines at the start of a server of its own with some settings."""
    used = with_access(given)
    return [*exposure_lines(URL, used, used.token if given.token is None else None)]


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),  # noqa: S104 - compared alone
        ("::", True),
        ("192.168.1.7", True),
        ("lab.example", True),
    ],
)
def test_a_server_beyond_loopback_makes_up_a_token(host: str, *, exposed: bool) -> None:
    """Where only this machine can reach it there is none, and no line about it."""
    used = with_access(settings(host=host))
    assert is_exposed(host) == (used.token is not None) == exposed
    assert bool(lines(settings(host=host))) == exposed


def test_a_made_up_token_is_new_each_time_and_long() -> None:
    """It can be neither predicted nor guessed, and is a valid setting."""
    made = [with_access(settings(host="0.0.0.0")).token or "" for _ in range(3)]  # noqa: S104
    assert len(set(made)) == 3
    for token in made:
        assert len(token) >= LONG
        assert Tokens.parse(token).holder(token.encode()) == "token"


def test_a_made_up_token_is_printed_with_the_address() -> None:
    """The address to open and the header to send have it, and no other line."""
    used = with_access(settings(host="0.0.0.0"))  # noqa: S104
    reached, opened, sent = exposure_lines(URL, used, used.token)
    assert "every address of this machine" in reached
    assert opened.strip() == f"Open {URL}/?token={used.token}"
    assert f"'Authorization: Bearer {used.token}'" in sent


def test_a_token_that_its_user_has_set_is_not_printed() -> None:
    """Standard output may be kept where others read it."""
    [line] = lines(settings(host="192.168.1.7", token=SECRET))
    assert "192.168.1.7" in line
    assert SECRET not in line


@pytest.mark.parametrize("token", [NONE, ""])
def test_a_server_without_a_token_says_so_in_one_sentence(token: str) -> None:
    """`none`, and the empty text, make no token up."""
    given = settings(host="0.0.0.0", token=token)  # noqa: S104
    assert with_access(given).token == NONE
    [line] = lines(given)
    assert "without a token" in line
    assert "LIGHTWELL_TOKEN" in line
    assert lines(settings(host="127.0.0.1", token=token)) == []


def test_a_server_of_its_own_answers_to_the_names_of_its_machine() -> None:
    """Its host, the machine's name and the listed ones; an embedded one has no list."""
    hosts = with_access(settings(host="lab.example", hosts=("other.example",))).hosts or ()
    assert {"lab.example", "other.example", socket.gethostname()} <= set(hosts)
    assert settings().hosts is None


@pytest.mark.parametrize(("token", "sentences"), [(None, 1), (NONE, 1), (SECRET, 0)])
def test_an_application_without_a_token_logs_one_sentence(
    token: str | None, sentences: int, caplog: pytest.LogCaptureFixture
) -> None:
    """`create_app()` makes no token up, and says at its start where it has none."""
    app = create_app(settings(token=token))
    app.state.engine.start = lambda: None  # nothing is to be compiled
    with caplog.at_level(logging.WARNING, "lightwell"), TestClient(app) as client:
        for _ in range(3):
            client.get("/livez")
    assert app.state.settings.token == token
    assert [one.getMessage() for one in caplog.records].count(OPEN_TO_ALL) == sentences
