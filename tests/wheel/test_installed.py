"""Installed wheel, in a folder that is no checkout: server, client, command, missing packages."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from lightwell.__main__ import COMMANDS
from lightwell_client import Lightwell
from tests.servers import TIMEOUT_S, started
from tests.wheel.building import closure

OWN_MODELS = """
import importlib.util
import models

assert models.MINE == 7
from lightwell.server import Settings, create_app
import lightwell_client
import models as again

assert again.MINE == 7
assert create_app.__module__ == "lightwell.api.app"
for name in ("api", "probes", "scripts"):
    assert importlib.util.find_spec(name) is None, name
"""


@pytest.fixture(scope="session")
def base(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Search path of an installation without extras: the wheel, and the packages it needs."""
    folder = tmp_path_factory.mktemp("base")
    for name in closure({"httpx2", "numpy"}):
        files = distribution(name).files or ()
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return os.pathsep.join((str(installed), str(folder)))


def ran(*arguments: str, path: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with a search path."""
    return subprocess.run(  # noqa: S603 - constant arguments
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def test_the_installed_server_answers(installed: Path, client: TestClient, tmp_path: Path) -> None:
    """`lightwell serve` in another folder predicts and describes itself as the checkout does."""
    with started(
        "--deadline-s",
        "100",
        ready="Ready after",
        root=tmp_path,
        module="lightwell serve",
        environment={"PYTHONPATH": str(installed)},
    ) as server:
        with Lightwell(server.url) as lightwell:
            digit = lightwell.samples(label=7, count=1)[0]
            predicted = lightwell.predict(digit).prediction
        page = urlopen(server.url).read()  # noqa: S310 - our own server
        described = json.load(urlopen(f"{server.url}/openapi.json"))  # noqa: S310

    assert predicted.label == 7
    assert page == client.get("/").content
    assert described == client.get("/openapi.json").json()


def test_a_module_of_the_user_keeps_its_name(installed: Path, tmp_path: Path) -> None:
    """`models` is the user's own before and after the import of the server; no other exists."""
    (tmp_path / "models.py").write_text("MINE = 7\n")

    done = ran("-c", OWN_MODELS, path=str(installed), cwd=tmp_path)

    assert done.returncode == 0, done.stderr


def test_the_command_lists_its_commands(installed: Path, tmp_path: Path) -> None:
    """`lightwell` without arguments lists its commands; each names itself in its help."""
    command = str(installed / "bin" / "lightwell")

    listed = ran(command, path=str(installed), cwd=tmp_path)
    helped = ran(command, "verify", "--help", path=str(installed), cwd=tmp_path)
    wrong = ran(command, "srve", path=str(installed), cwd=tmp_path)

    assert [line.split()[0] for line in listed.stdout.splitlines()[2:-2]] == list(COMMANDS)
    assert helped.stdout.startswith("usage: lightwell verify")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("lightwell: 'srve' is none of serve, train, convert")


@pytest.mark.parametrize(
    ("command", "extra"),
    [(name, one.extra) for name, one in COMMANDS.items()],
)
def test_a_command_names_the_extra_that_it_lacks(
    base: str, tmp_path: Path, command: str, extra: str
) -> None:
    """A command of an installation without extras ends with one sentence, and no traceback."""
    done = ran("-S", "-m", "lightwell", command, path=base, cwd=tmp_path)

    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"lightwell {command} needs the package ")
    assert sentence.endswith(f", which is not installed: pip install 'lightwell[{extra}]'")
    assert (done.returncode, done.stdout) == (1, "")


def test_the_client_needs_no_extra(base: str, url: str, tmp_path: Path) -> None:
    """An installation without extras calls a server; a local application needs `server`."""
    code = f"""
from lightwell_client import Lightwell

with Lightwell({url!r}) as lightwell:
    print(lightwell.predict("10110").prediction.name)
try:
    Lightwell.local()
except ImportError as error:
    print(error)
try:
    import lightwell.server
except ImportError as error:
    print(error)
"""
    done = ran("-S", "-c", code, path=base, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    answer, local, server = done.stdout.splitlines()
    ending = ", which is not installed: pip install 'lightwell[server]'"
    assert answer == "yes"
    assert local.startswith("Lightwell.local needs the package ")
    assert server.startswith("lightwell.server needs the package ")
    assert local.endswith(ending)
    assert server.endswith(ending)
