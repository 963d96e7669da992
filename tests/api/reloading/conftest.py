"""Fixtures of a server whose weights are replaced."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.inference import loading
from api.settings import Settings
from tests.api.reloading.replacement import engine_of
from tests.networks import COLOURS_TOML, LETTERS_TOML, write_network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Model repository: two networks, and twins of them with the weights that replace theirs."""
    for name, text, seed in (
        ("colours", COLOURS_TOML, 0),
        ("colours-twin", COLOURS_TOML, 1),
        ("letters", LETTERS_TOML, 0),
        ("letters-twin", LETTERS_TOML, 1),
    ):
        write_network(tmp_path / "models" / name, text, seed)
    return tmp_path / "models"


@pytest.fixture
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a server that is ready, with the networks of the folder alone."""
    monkeypatch.setattr(loading, "shipped_names", lambda: ())
    with TestClient(create_app(Settings(models=folder, deadline_s=300))) as client:
        assert client.portal is not None
        client.portal.call(engine_of(client).analyses_warmed)
        yield client
