"""Fixtures of the wheel's tests: the built wheel, and a folder into which it is installed."""

from pathlib import Path

import pytest

from tests.wheel.building import build, install


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the installed wheel, without the packages that it needs."""
    return install(wheel, tmp_path_factory.mktemp("installed"))
