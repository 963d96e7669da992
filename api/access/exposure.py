"""Exposure of a server: who can reach the address that it listens on, and the token they need."""

from collections.abc import Iterator

from api.access.addresses import is_loopback
from api.access.hosts import own_names
from api.access.tokens import NONE, new_token
from api.settings import Settings

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared alone

OPEN_TO_ALL = (
    "no token is set: every program that reaches this server is answered; LIGHTWELL_TOKEN sets one"
)
"""Line in the log of an application that no command of Lightwell serves."""


def has_token(settings: Settings) -> bool:
    """Tell whether the clients of a server need a token."""
    return settings.token not in (None, NONE)


def is_exposed(host: str) -> bool:
    """Tell whether other machines can reach a server that listens on an address or a name."""
    return host != "localhost" and not is_loopback(host)


def with_access(settings: Settings) -> Settings:
    """Return the settings of a server of its own: its names, and a new token where it is exposed.

    An application inside another one has neither unless they are set.
    """
    update: dict[str, object] = {"hosts": (*(settings.hosts or ()), *own_names(), settings.host)}
    if settings.token is None and is_exposed(settings.host):
        update["token"] = new_token()
    return settings.model_copy(update=update)


def exposure_lines(url: str, settings: Settings, made_up: str | None) -> Iterator[str]:
    """Yield the lines at the start of a server that say who can reach it.

    Args:
        url: Address of the server.
        made_up: Token that the server made up, to print; None for one that its user has set.
    """
    if not is_exposed(settings.host):
        return
    reached = "every address of this machine" if settings.host in ANY_ADDRESS else settings.host
    if not has_token(settings):
        yield (
            f"  It listens on {reached} without a token: every program that "
            "reaches it is answered. LIGHTWELL_TOKEN (--token) sets one."
        )
        return
    yield f"  It listens on {reached}: other machines can reach it, and need the token."
    if made_up is not None:
        yield f"  Open {url}/?token={made_up}"
        yield f"  or send the header 'Authorization: Bearer {made_up}'."
