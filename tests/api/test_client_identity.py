"""The client of a request: its token's name, else the address of its peer."""

import pytest

from api.client_identity import client_of


@pytest.mark.parametrize(
    ("scope", "client"),
    [
        ({"client": ("127.0.0.2", 5)}, "127.0.0.2"),
        ({"client": ("127.0.0.2", 5), "state": {}}, "127.0.0.2"),
        ({"client": ("127.0.0.2", 5), "state": {"client": "anna"}}, "anna"),
        ({"client": None}, "unknown"),
    ],
)
def test_client(scope: dict[str, object], client: str) -> None:
    """A name that middleware has set is preferred to the address of the connection."""
    assert client_of(scope) == client
