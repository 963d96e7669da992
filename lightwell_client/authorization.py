"""Header with which the Python client shows its token to the server."""

import os


def authorization(token: str | None) -> dict[str, str]:
    """Return the client's header with a token, or no header where there is none.

    Args:
        token: Token of the server; None for `LIGHTWELL_TOKEN` of the environment.
    """
    given = os.environ.get("LIGHTWELL_TOKEN", "") if token is None else token
    return {} if given in ("", "none") else {"Authorization": f"Bearer {given}"}
