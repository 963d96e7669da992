"""Access guard: the rules that a request must pass, in the order in which they are checked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.types import Scope

from api.access.addresses import address_of, is_address, is_loopback
from api.access.credentials import SAFE, WRONG, holder_of
from api.access.guesses import Guesses
from api.access.hosts import Hosts
from api.access.proxies import TrustedProxies
from api.access.rates import Rates
from api.access.tokens import Tokens
from api.client_identity import client_of
from api.errors.problem import Problem
from api.middleware.cors import is_foreign
from api.own_path import own_path

HEALTH = frozenset({"/livez", "/readyz"})
PUBLIC = frozenset({"/", "/favicon.ico"}) | HEALTH
PUBLIC_FOLDERS = ("/embed/", "/explorer/", "/sdk/", "/v2/health/")
"""Paths that need no token: health, and static files, which hold no answer of the server.

Those of the folders, and health, are in no rate either.
"""


@dataclass(frozen=True)
class Rules:
    """Rules of the access guard.

    Attributes:
        tokens: None lets every client in.
        hosts: None takes every host.
        proxies: Proxies that may name the client.
        rates: None has no limit.
        limits_loopback: Whether clients of this machine have the rate, too.
        public_metrics: Whether `/metrics` needs no token.
        allows_origin: Tells whether pages of an origin may call the server.
        processes: Processes that share the rate of wrong tokens.
    """

    tokens: Tokens | None
    hosts: Hosts | None
    proxies: TrustedProxies
    rates: Rates | None
    limits_loopback: bool
    public_metrics: bool
    allows_origin: Callable[[str], bool] = field(default=lambda _: False)
    processes: int = 1


class Guard:
    """Access guard of an application.

    Args:
        rules: Rules that every request must pass.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._guesses = Guesses(processes=rules.processes)

    def check(self, scope: Scope) -> None:
        """Check a request by its head, and set its client in `scope["state"]["client"]`.

        A signature is removed from the query.

        Raises:
            Problem: A rule refuses the request.
        """
        sent, forwarded = _sent(scope)
        self._check_host(sent)
        if scope["method"] not in SAFE:
            self._check_site(scope, sent)
        rules = self.rules
        peer = scope.get("client")
        address = peer[0] if peer else ""
        if forwarded and address:
            address = scope["state"]["client"] = rules.proxies.client(address, forwarded)
        path = own_path(scope)
        # The page is a hundred files: a class behind one address would use up its rate at once.
        if path in HEALTH or path.startswith(PUBLIC_FOLDERS):
            return
        holder = self._check_token(scope, path, sent, address)
        if rules.rates is not None:
            self._check_rate(scope, rules.rates, address)
        if not holder and rules.tokens is not None and not self._is_public(path):
            raise _unauthorised(is_wrong=holder == WRONG)

    def _check_token(
        self, scope: Scope, path: str, sent: Mapping[bytes, bytes], address: str
    ) -> str | None:
        """Return the holder of a request's token, who is its client from then on.

        Returns:
            `WRONG` for a token that no holder has; None without one.

        Raises:
            Problem: `too-many-requests`, for an address that has sent many wrong tokens.
        """
        tokens = self.rules.tokens
        holder = None if tokens is None else holder_of(tokens, scope, path, sent)
        if tokens is None or holder is None:
            return None
        if holder and tokens.is_long(holder):
            scope["state"]["client"] = holder
            return holder
        if wait := self._guesses.wait(tokens, _limited(address), holder):
            detail = (
                "This address has sent many wrong tokens; after the seconds of Retry-After it may "
                "send one more."
            )
            raise _too_many(detail, wait)
        if holder:
            scope["state"]["client"] = holder
        return holder

    def _check_host(self, sent: Mapping[bytes, bytes]) -> None:
        """Check the name under which the server is asked.

        Raises:
            Problem: `unknown-host`.
        """
        hosts, host = self.rules.hosts, sent.get(b"host")
        if hosts is None or host is None or hosts.allows(host):
            return
        detail = (
            "This server does not answer to the name in the header Host; "
            "LIGHTWELL_HOSTS (--hosts) lists further names."
        )
        raise Problem("unknown-host", detail)

    def _check_site(self, scope: Scope, sent: Mapping[bytes, bytes]) -> None:
        """Check that a request of a method that is not safe comes from no page of a foreign site.

        A browser sends forms of any page, with files, without asking the server before.

        Raises:
            Problem: `foreign-site`.
        """
        origin = sent.get(b"origin")
        if origin is None:
            refused = sent.get(b"sec-fetch-site") == b"cross-site"
        else:
            allowed = self.rules.allows_origin(origin.decode("latin-1"))
            refused = is_foreign(scope, origin) and not allowed
        if refused:
            detail = (
                "A page of another site sent this request; LIGHTWELL_CORS_ORIGINS "
                "(--cors-origins) lists sites whose pages may."
            )
            raise Problem("foreign-site", detail)

    def _is_public(self, path: str) -> bool:
        """Tell whether a path needs no token."""
        return path in PUBLIC or (path == "/metrics" and self.rules.public_metrics)

    def _check_rate(self, scope: Scope, rates: Rates, address: str) -> None:
        """Count the request of a client, whose address is not that of a trusted proxy.

        Raises:
            Problem: `too-many-requests`, with the time after which one more is let in.
        """
        # A peer that is no address is a Unix socket, or an ASGI client in this process.
        if not self.rules.limits_loopback and (is_loopback(address) or not is_address(address)):
            return
        client = client_of(scope)
        if wait := rates.wait(_limited(client) if client == address else client):
            raise _too_many("This client sends more requests than its rate allows.", wait)


def _sent(scope: Scope) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Return the headers of a request by name, and every `X-Forwarded-For`."""
    headers = scope["headers"]
    found: dict[bytes, bytes] = dict(headers)
    if len(found) == len(headers) and b"x-forwarded-for" not in found:
        return found, []
    forwarded = [value for name, value in headers if name == b"x-forwarded-for"]
    if sum(name == b"authorization" for name, _ in headers) > 1:
        found[b"authorization"] = b""  # a proxy may have checked another one of them
    return found, forwarded


def _limited(address: str) -> str:
    """Return the address that limits count for that of a client."""
    return address_of(address) if is_address(address) else address


def _too_many(detail: str, wait: float) -> Problem:
    """Return the problem of a client that sends too many requests for now.

    Args:
        wait: Seconds until one more is let in.
    """
    headers = {"Retry-After": str(math.ceil(wait))}
    return Problem("too-many-requests", detail, headers=headers)


def _unauthorised(*, is_wrong: bool) -> Problem:
    """Return the problem of a request without a token, or with one that no holder has."""
    fault = "The token is not one of this server's" if is_wrong else "This server needs a token"
    detail = f"{fault}: send 'Authorization: Bearer TOKEN', or open the page with ?token=TOKEN."
    return Problem("unauthorised", detail, headers={"WWW-Authenticate": 'Bearer realm="lightwell"'})
