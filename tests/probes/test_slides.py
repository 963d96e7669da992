"""Slides: the picture of each probe at default parameters fits one."""

from collections.abc import Iterator

import pytest

from api.app import create_app
from api.requests.probe_body import FAMILY_NAMES
from api.routes.probes import sources
from api.settings import Settings
from probes import PROBES
from probes.declaration import Probe
from tests.applications import running
from tests.conftest import TESTS_BYTES
from tests.probes.test_probes import Asker, png_size

HIGHEST = {"generalisation": 1400}
"""Height of a picture with axes of 1,024 steps above each other; others have 1,200 at most."""


@pytest.fixture(scope="module")
def ask() -> Iterator[Asker]:
    """A server that has time for the longest analysis on a busy machine."""
    with running(create_app(Settings(memory=TESTS_BYTES, deadline_s=300))) as client:
        yield Asker(client, client.get("/samples/0.png").content)


@pytest.mark.parametrize(
    "probe", PROBES, ids=lambda probe: f"{FAMILY_NAMES[probe.family]}-{probe.name}"
)
def test_a_picture_fits_a_slide(probe: Probe, ask: Asker) -> None:
    """Without parameters but those that are required, a picture is at most 1600 pixels wide."""
    optional = [
        name for name, field in probe.parameters.model_fields.items() if not field.is_required()
    ]
    response = ask(probe, sources(probe)[0], ".png", leave_out=optional)

    assert response.status_code == 200, response.text
    width, height = png_size(response.content)
    assert width <= 1600
    assert height <= HIGHEST.get(probe.name, 1200)
    if probe.name == "activations":
        assert height <= 900
        assert width > 1.5 * height
