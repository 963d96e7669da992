"""Tokens: secrets that clients send to be let in, each with the name of its holder."""

import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

NONE = "none"
"""Value of the setting that lets every client in."""

DEFAULT_NAME = "token"
"""Name of the holder of the only token, where it is given without one."""

MAX_TOKENS = 1000
MIN_LENGTH = 8
LONG = 20
"""Characters of a secret from which on it is not found by guesses over a network."""

MAX_SENT = 512
"""Bytes of a token that is sent; a longer one is none of those that a server has."""

NAMED = re.compile(r"([\w.@-]{1,32}):(.+)", re.ASCII)
SECRET = re.compile(rf"[\x21-\x2b\x2d-\x7e]{{{MIN_LENGTH},{MAX_SENT}}}")
"""Printable ASCII without blanks and commas, which separate tokens in the setting."""


class _Holder(NamedTuple):
    """Holder of a token: the name, and the digests by which the token and its cookie are known."""

    name: str
    digest: bytes
    cookie: bytes


class Tokens:
    """Tokens of a server. Only their digests are kept, and compared in constant time.

    Args:
        secrets_by_name: Secret of each holder, by name.
    """

    def __init__(self, secrets_by_name: dict[str, str]) -> None:
        self._holders = [
            _Holder(name, _digest(secret.encode()), _cookie_of(secret.encode()))
            for name, secret in secrets_by_name.items()
        ]
        self._long = {name for name, secret in secrets_by_name.items() if len(secret) >= LONG}
        everything = b"".join(one.digest for one in self._holders)
        self.cookie_name = f"lightwell_{hashlib.sha256(everything).hexdigest()[:12]}"

    @classmethod
    def parse(cls, text: str) -> "Tokens":
        """Parse the setting: one secret, or `name:secret` for each holder, comma-separated.

        Raises:
            ValueError: A secret is too short, or has other characters; or a name occurs twice.
        """
        found: dict[str, str] = {}
        parts = [part.strip() for part in text.split(",") if part.strip()]
        for part in parts:
            named = NAMED.fullmatch(part)
            name, secret = named.groups() if named else (DEFAULT_NAME, part)
            if not SECRET.fullmatch(secret):
                msg = (
                    f"a token must have {MIN_LENGTH} to {MAX_SENT} printable ASCII characters "
                    "without blanks and commas"
                )
                raise ValueError(msg)
            if name in found:
                msg = "several tokens need names of their own: name:secret,name:secret"
                raise ValueError(msg)
            found[name] = secret
        if not 1 <= len(found) <= MAX_TOKENS:
            msg = f"must be 1 to {MAX_TOKENS} tokens, or {NONE}"
            raise ValueError(msg)
        return cls(found)

    def holder(self, sent: bytes) -> str | None:
        """Return the name of a token's holder; None where no holder has it."""
        digest = _digest(sent[: MAX_SENT + 1])
        found = None
        for one in self._holders:  # all of them, so that the time is the same for each
            if hmac.compare_digest(one.digest, digest):
                found = one.name
        return found

    def cookie_holder(self, sent: bytes) -> str | None:
        """Return the name of the holder of a token by its cookie; None where no holder has it."""
        found = None
        for one in self._holders:
            if hmac.compare_digest(one.cookie, sent):
                found = one.name
        return found

    def is_long(self, name: str) -> bool:
        """Tell whether the token of a holder is too long to be guessed."""
        return name in self._long

    def key(self, name: str) -> bytes | None:
        """Return the key by which addresses of a token's holder are signed; None without one."""
        found = (one.digest for one in self._holders if one.name == name)
        digest = next(found, None)
        return None if digest is None else hashlib.sha256(b"address" + digest).digest()

    @staticmethod
    def cookie(secret: bytes) -> str:
        """Return the value of a token's cookie, from which the token cannot be computed."""
        return _cookie_of(secret).decode()


def new_token() -> str:
    """Make up a token of 192 random bits."""
    return secrets.token_urlsafe(24)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _cookie_of(secret: bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"cookie" + secret).digest()).rstrip(b"=")
