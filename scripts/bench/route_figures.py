"""Figures that the pictures of all routes draw, of one input, for the drawing benchmark."""

import base64
from typing import Any
from unittest import mock
from urllib.parse import urlencode

from starlette.testclient import TestClient

from api.app import create_app
from api.requests.probe_body import FAMILY_NAMES
from api.routes.probes import sources
from api.settings import Settings
from probes import PROBES
from probes.declaration import Probe
from probes.figures.figures import Figure
from probes.output import encode
from probes.output.render import render
from scripts.bench.workloads import pictures

ACTIVATIONS = "/cnn/activations.png"
BITS = "1011001110"
"""Sequence that is as long as those of the probes' examples."""

PARAMETERS = {"activations": {"layers": "all"}}
"""Query parameters in place of those of a probe's example."""

DEADLINE_S = 600
"""Deadline of a request: its program may have to be compiled first, beside other processes."""


def route_figures() -> dict[str, Figure]:
    """Return the figure that the picture of each probe draws, by the path of its route.

    Raises:
        RuntimeError: A picture was refused.
    """
    app = create_app(Settings(deadline_s=DEADLINE_S, access_log=False))
    with TestClient(app) as client:
        assert client.portal is not None  # noqa: S101 - while its server runs
        client.portal.call(app.state.engine.analyses_warmed)
        return dict(_figure(client, probe) for probe in PROBES)


def _figure(client: TestClient, probe: Probe) -> tuple[str, Figure]:
    """Ask for the picture of a probe, and return its path and the figure that is drawn."""
    path = f"/{FAMILY_NAMES[probe.family]}/{probe.name}.png"
    query = urlencode(PARAMETERS.get(probe.name, probe.example))
    with mock.patch.object(encode, "render", wraps=render) as drawn:
        match sources(probe)[0]:
            case "image":
                image = base64.b64encode(pictures()[0]).decode()
                body: dict[str, Any] | None = {"image": image, **probe.posted}
            case "sequence":
                body = {"sequence": BITS, **probe.posted}
            case _:
                body = None
        method = "GET" if body is None else "POST"
        response = client.request(method, f"{path}?{query}", json=body)
    if not response.is_success:
        msg = f"{path}: {response.text}"
        raise RuntimeError(msg)
    figure: Figure = drawn.call_args.args[0]
    return path, figure
