"""Tokens: parsing of the setting, comparison, cookies and signed addresses."""

import time

import pytest

from api.access.signed_addresses import sign, verify
from api.access.tokens import MAX_SENT, Tokens

SECRET = "correct-horse"  # noqa: S105 - of the tests


@pytest.mark.parametrize("text", ["short", "has blank in it", "a:12345678,a:12345679", "", ","])
def test_a_setting_that_is_no_token_is_refused(text: str) -> None:
    """Short secrets, blanks and repeated names are errors."""
    with pytest.raises(ValueError, match=r"token|names|must"):
        Tokens.parse(text)


def test_holders_are_found_by_their_tokens_and_by_nothing_else() -> None:
    """Each secret has its holder; other bytes of any kind and length have none."""
    tokens = Tokens.parse(f"anna:{SECRET}, ben:another-secret")
    assert tokens.holder(SECRET.encode()) == "anna"
    assert tokens.holder(b"another-secret") == "ben"
    assert Tokens.parse(SECRET).holder(SECRET.encode()) == "token"
    wrong = (b"", b"anna", SECRET[:-1].encode(), b"\xff\x00", b"x" * 10 * MAX_SENT)
    assert [tokens.holder(one) for one in wrong] == [None] * len(wrong)


def test_a_cookie_is_not_the_token() -> None:
    """The cookie lets its holder in, does not contain the token, and is no token itself."""
    tokens = Tokens.parse(SECRET)
    cookie = tokens.cookie(SECRET.encode())
    assert SECRET not in cookie
    assert tokens.cookie_holder(cookie.encode()) == "token"
    assert tokens.cookie_holder(SECRET.encode()) is None
    assert tokens.holder(cookie.encode()) is None
    assert tokens.cookie_name != Tokens.parse("another-secret").cookie_name


def test_a_signed_address_is_for_one_path_until_it_expires() -> None:
    """The signature is verified and removed; another path, query, holder or time has none."""
    tokens, now = Tokens.parse(f"anna:{SECRET},ben:another-secret"), int(time.time())
    path, _, query = sign(tokens, "anna", "/lstm/gates.png?sequence=1%2C0", now + 60).partition("?")
    sent = query.encode()
    assert verify(tokens, path, sent) == ("anna", b"sequence=1%2C0")
    assert verify(tokens, "/lstm/cell.png", sent) is None
    assert verify(tokens, path, sent.replace(b"1%2C0", b"1%2C1")) is None
    assert verify(tokens, path, sent.replace(b"anna", b"ben")) is None
    assert verify(tokens, path, sent.replace(b"anna", b"eve")) is None
    assert verify(tokens, path, b"x=1&" + sent) is None
    assert verify(Tokens.parse("another-secret"), path, sent) is None
    late = sign(tokens, "anna", path, now - 1).partition("?")[2].encode()
    assert verify(tokens, path, late) is None
    for broken in (b"signature=", b"holder=anna&expires=x&signature=y", b"&&&", b"expires=" * 9):
        assert verify(tokens, path, broken) is None
