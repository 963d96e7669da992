"""The probes of docs/adding-a-probe.md, built into an app, pass the contract tests."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

import probes
from api.app import create_app
from api.settings import Settings
from probes.declaration import Probe
from tests.applications import running
from tests.docs.fences import fences
from tests.probes import test_probes as contract
from tests.probes.conftest import drawn_on

PAGE = "docs/adding-a-probe.md"
MODULE, TEST, MANY_ROWS = (
    one.code for one in fences() if (one.page, one.language) == (PAGE, "python")
)
CONTRACT = [
    test
    for name, test in inspect.getmembers(contract, inspect.isfunction)
    if name.startswith("test_") and {"probe", "source"} <= {*inspect.signature(test).parameters}
]


def loaded(name: str, code: str) -> ModuleType:
    """Run code as a module."""
    module = ModuleType(name)
    exec(compile(code, f"{PAGE}:{name}", "exec"), module.__dict__)  # noqa: S102 - the page's own code
    return module


TUTORIAL: tuple[Probe, ...] = (
    *loaded("channel_means", MODULE).PROBES,
    *loaded("blanked_rows", MANY_ROWS).PROBES,
)
TRANSPOSED: Probe = loaded(
    "channel_last_means",
    MODULE.replace("mean(axis=(1, 2))", "mean(axis=(0, 1))").replace('"means"', '"transposed"'),
).PROBES[0]
"""The first probe of the page, had it taken maps as channel last."""


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    """A ready app that has the probes of the page too."""
    with pytest.MonkeyPatch.context() as patch:
        together = (*probes.PROBES, *TUTORIAL, TRANSPOSED)
        for module in list(sys.modules.values()):
            if getattr(module, "PROBES", None) is probes.PROBES and module is not probes:
                patch.setattr(module, "PROBES", together)
        app = create_app(Settings())
        # Larger buckets round differently: all answers come from the same ones.
        with running(app, raise_server_exceptions=False) as client:
            yield client


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of Chromium to draw SVG on."""
    with drawn_on() as page:
        yield page


@pytest.mark.parametrize("probe", TUTORIAL, ids=lambda probe: probe.name)
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_the_probes_keep_the_contract(
    check: Callable[..., None], probe: Probe, served: TestClient, digit_png: bytes, page: Page
) -> None:
    """Each contract test passes for each probe of the page."""
    ask = contract.Asker(served, digit_png)
    given = {"probe": probe, "source": "image", "ask": ask, "theme": "light", "page": page}

    check(**{name: given[name] for name in inspect.signature(check).parameters})


def test_the_test_of_the_page_passes(served: TestClient, digit_png: bytes) -> None:
    """The oracle of the page agrees with its probe."""

    def ask(path: str, png: bytes) -> Mapping[str, np.ndarray]:
        answer = served.post(path, content=png, headers={"Content-Type": "image/png"}).json()
        return {each["name"]: np.array(each["data"]) for each in answer["tensors"]}

    test: Any = loaded("test_channel_means", f"import numpy as np\n{TEST}")

    test.test_channel_means_are_those_of_the_trace(ask, digit_png)


def test_maps_taken_as_channel_last_are_caught(served: TestClient, digit_png: bytes) -> None:
    """A channel axis as long as a map is high fails a contract test."""
    ask = contract.Asker(served, digit_png)

    with pytest.raises(AssertionError, match="channel"):
        contract.test_axes_are_as_long_as_the_model_says(TRANSPOSED, "image", ask)
