"""lightwell_client has a method for each probe, which asks that probe."""

from typing import Any

import httpx2
import pytest

from api.requests.probe_body import FAMILY_NAMES
from lightwell_client import Answer, Lightwell
from probes import PROBES
from probes.declaration import Probe
from tests.clients.scripted import scripted

INPUTS = {"image": b"\x89PNG", "sequence": "10110"}
POSTED = {
    "edits": {"edits": [{"layer": "relu2", "operation": "zero"}]},
    "source": {"source": "11010"},
}
"""Fields of the body that a probe needs, by their names."""


class AskedError(Exception):
    """Request that a method sends instead of getting an answer."""


def asked(probe: Probe, *given: Any, **parameters: Any) -> tuple[str, str, dict[str, str]]:
    """Call the method of a probe; return method, path and query of its request."""

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise AskedError(request.method, request.url.path, dict(request.url.params))

    with pytest.raises(AskedError) as caught:
        getattr(scripted(refuse), probe.name)(*given, **parameters)
    return caught.value.args  # type: ignore[return-value]


@pytest.mark.parametrize("probe", PROBES, ids=lambda one: f"{one.family}-{one.name}")
def test_each_probe_has_a_method(probe: Probe) -> None:
    """Its name is that of the probe; `model` names another network, parameters are the query."""
    model = FAMILY_NAMES[probe.family]
    given = [INPUTS[probe.family]] if probe.input else []
    if probe.name == "findings":  # without a network they are those of all
        given = [model]
    posted = POSTED["edits"] if probe.name == "intervene" else {}
    if probe.name == "patching":
        posted = POSTED["source"]

    sent = asked(probe, *given, **posted, **probe.example)

    query = {**probe.example, "format": "safetensors"}
    assert sent == ("POST" if probe.input else "GET", f"/{model}/{probe.name}", query)


@pytest.mark.parametrize(
    ("name", "given", "parameters"),
    [
        ("field", (), {"layer": "conv2", "y": 3, "x": 0}),
        ("units", (7,), {"layers": "relu3"}),
        ("descriptors", ("conv1",), {}),
        ("memory", ("10110",), {"step": 3}),
        ("decomposition", ("10110",), {}),
        ("patching", ("10110", "10010"), {}),
        ("findings", ("lstm",), {"finding": "cell_remembers"}),
        ("weights", (), {}),
    ],
)
def test_methods_return_answers(
    name: str, given: tuple[Any, ...], parameters: dict[str, Any], lightwell: Lightwell
) -> None:
    """Of the server's probes, with their tensors or measures."""
    answer = getattr(lightwell, name)(*given, **parameters)

    assert isinstance(answer, Answer)
    assert answer.tensors or answer.measures
