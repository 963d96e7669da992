"""Header with which the Python client shows its token to the server."""

import os
import re

VARIABLE = "LIGHTWELL_TOKEN"
NONE = "none"
"""Value in place of a token, in the client as in the server's setting, that sends none."""

NAMED = re.compile(r"([\w.@-]{1,32}):(.+)", re.ASCII)
"""Named token of the server's setting, `name:secret`; the client sends the secret alone."""

SECRET = re.compile(r"[\x21-\x7e]+")
"""Characters that the client can send as a token: printable ASCII without blanks."""


def authorization(token: str | None) -> dict[str, str]:
    """Return the client's header with a token, or no header where there is none.

    Args:
        token: Token of the server; None for that of `LIGHTWELL_TOKEN`.

    Raises:
        ValueError: The variable has the tokens of several holders, or the token has characters
            that no header can have.
    """
    return _header(_only_token() if token is None else token.strip())


def own_authorization() -> dict[str, str]:
    """Return the client's header for a server that has the same variable: its first token."""
    return _header(_tokens()[0][1] if _tokens() else "")


def _header(token: str) -> dict[str, str]:
    """Return the client's header.

    Raises:
        ValueError: The token has characters that no header can have.
    """
    if token in ("", NONE):
        return {}
    if not SECRET.fullmatch(token):
        raise ValueError("a token must have printable ASCII characters without blanks")
    return {"Authorization": f"Bearer {token}"}


def _tokens() -> list[tuple[str, str]]:
    """Return name and token of each holder in the client's variable, as the server reads it."""
    parts = [part.strip() for part in os.environ.get(VARIABLE, "").split(",")]
    found = [(part, NAMED.fullmatch(part)) for part in parts if part]
    return [(named[1], named[2]) if named else ("", part) for part, named in found]


def _only_token() -> str:
    """Return the token of the client's variable; an empty text where it is not set.

    Raises:
        ValueError: It has the tokens of several holders, none of which is the client's own.
    """
    tokens = _tokens()
    if len(tokens) > 1:
        names = ", ".join(name or "without a name" for name, _ in tokens)
        msg = (
            f"{VARIABLE} has {len(tokens)} tokens ({names}), as a server takes them; a client "
            "sends one: Lightwell(url, token=…)"
        )
        raise ValueError(msg)
    return tokens[0][1] if tokens else ""
