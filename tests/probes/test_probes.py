"""Contract tests: all declared probes pass them."""

import base64
import io
import json
from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Page
from pydantic import TypeAdapter
from safetensors.numpy import load as load_safetensors
from starlette.testclient import TestClient

from api.openapi import schemas
from api.requests.probe_body import FAMILY_NAMES
from api.routes.probes import Source, sources
from probes import PROBES
from probes.declaration import Probe
from probes.figures.figures import Tensor
from probes.output.drawing.themes import THEMES
from probes.output.encode import describe
from tests.probes.axes import Declared, axis_faults
from tests.probes.output.rasters import (
    MOST_DIFFERENT,
    decoded,
    difference,
    pdf_raster,
    pdf_text,
    svg_raster,
)

WAYS = [(probe, source) for probe in PROBES for source in sources(probe)]
SCHEMAS = {
    "image": schemas.ImageAnswer,
    "sequence": schemas.SequenceAnswer,
    "query": schemas.SequenceAnswer,
    "weights": schemas.WeightsAnswer,
}
BITS = "1011001110"

SELECTORS = ("channels", "step", "steps", "units")
"""Parameters that show a part of an axis."""

every_way = pytest.mark.parametrize(
    ("probe", "source"),
    WAYS,
    ids=[f"{FAMILY_NAMES[probe.family]}-{probe.name}-{way}" for probe, way in WAYS],
)


class Asker:
    """HTTP client that requests probes with the parameters of their examples."""

    def __init__(self, client: TestClient, png: bytes) -> None:
        self.client = client
        self.png = png

    def __call__(
        self,
        probe: Probe,
        source: Source,
        suffix: str = "",
        leave_out: Container[str] = (),
        **query: str,
    ) -> Any:
        """Request a probe with its example's parameters, except those in `leave_out`."""
        example = {name: value for name, value in probe.example.items() if name not in leave_out}
        query = {**example, **query}
        if source == "query":
            query["sequence"] = BITS
        path = f"/{FAMILY_NAMES[probe.family]}/{probe.name}{suffix}?{urlencode(query)}"
        match source:
            case "image" if probe.body:
                image = base64.b64encode(self.png).decode()
                return self.client.post(path, json={"image": image, **probe.posted})
            case "image":
                headers = {"Content-Type": "image/png"}
                return self.client.post(path, content=self.png, headers=headers)
            case "sequence":
                return self.client.post(path, json={"sequence": BITS, **probe.posted})
            case _:
                return self.client.get(path)


@pytest.fixture(scope="module")
def ask(client: TestClient, digit_png: bytes) -> Asker:
    """The server, with a digit at hand."""
    return Asker(client, digit_png)


def values_of(tensor: Mapping[str, Any]) -> np.ndarray:
    """Read a tensor's values out of JSON."""
    return np.array(tensor["data"], tensor["dtype"])


def finite_values(values: np.ndarray) -> np.ndarray:
    """Replace infinity by NaN: both are null in JSON."""
    return np.where(np.isinf(values), np.nan, values) if values.dtype.kind == "f" else values


def png_size(content: bytes) -> tuple[int, int]:
    """Read width and height out of a PNG's header."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


@every_way
def test_json_is_what_the_schema_says(probe: Probe, source: Source, ask: Asker) -> None:
    """An answer has the fields of its schema, and tensors of the stated shape and statistics."""
    response = ask(probe, source)

    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    TypeAdapter(SCHEMAS[source]).validate_json(response.content)
    answer = response.json()
    names = [tensor["name"] for tensor in answer["tensors"]]
    assert names
    assert len(set(names)) == len(names)
    for tensor in answer["tensors"]:
        values = values_of(tensor)
        assert list(values.shape) == tensor["shape"]
        assert len(tensor["axes"]) == values.ndim
        for axis, rows in tensor["coordinates"].items():
            assert len(rows) == values.shape[tensor["axes"].index(axis)]
        again = Tensor(tensor["name"], tensor["kind"], tuple(tensor["axes"]), values)
        assert describe(again)["stats"] == pytest.approx(tensor["stats"], rel=1e-6)


@every_way
def test_axes_are_as_long_as_the_model_says(probe: Probe, source: Source, ask: Asker) -> None:
    """Each axis has all rows that the model declares, or coordinates of a selection."""
    answer = ask(probe, source, leave_out=SELECTORS).json()
    model = ask.client.get(f"/models/{FAMILY_NAMES[probe.family]}").json()
    named = probe.example.get("layers", probe.example.get("layer", ""))
    steps = 0 if source == "weights" else len(BITS)
    declared = Declared(model, named.split(",") if named else (), steps)

    assert [fault for one in answer["tensors"] for fault in axis_faults(one, declared)] == []


@every_way
def test_binary_forms_hold_the_same_tensors(probe: Probe, source: Source, ask: Asker) -> None:
    """NPZ and safetensors have each tensor of the JSON, to the bit, and the rest as metadata."""
    answer = ask(probe, source).json()
    npz = np.load(io.BytesIO(ask(probe, source, format="npz").content))
    safetensors = load_safetensors(ask(probe, source, format="safetensors").content)

    names = [tensor["name"] for tensor in answer["tensors"]]
    assert set(npz.files) == {*names, "metadata"}
    assert set(safetensors) == set(names)
    for tensor in answer["tensors"]:
        for exact in (npz[tensor["name"]], safetensors[tensor["name"]]):
            np.testing.assert_array_equal(finite_values(exact), values_of(tensor))
    metadata = json.loads(str(npz["metadata"]))
    assert metadata["weights"] == answer["weights"]
    assert metadata.get("prediction") == answer.get("prediction")


@every_way
def test_base64_and_precision_hold_the_same_values(
    probe: Probe, source: Source, ask: Asker
) -> None:
    """Base64 decodes to the very values; `precision` rounds them and nothing else."""
    plain = ask(probe, source).json()["tensors"]
    coded = ask(probe, source, encoding="base64").json()["tensors"]
    rounded = ask(probe, source, precision="2").json()["tensors"]

    for one, two, three in zip(plain, coded, rounded, strict=True):
        little = np.dtype(two["dtype"]).newbyteorder("<")
        decoded = np.frombuffer(base64.b64decode(two["data"]), little).reshape(two["shape"])
        np.testing.assert_array_equal(finite_values(decoded), values_of(one))
        np.testing.assert_allclose(values_of(three), values_of(one), atol=0.005 + 1e-6)
        assert one["stats"] == three["stats"]


@every_way
def test_the_picture_is_a_png_with_a_path_of_its_own(
    probe: Probe, source: Source, ask: Asker
) -> None:
    """`.png` and `format=png` give the same bytes, every time; `scale` enlarges."""
    own = ask(probe, source, ".png")

    assert own.status_code == 200, own.text
    assert own.headers["content-type"] == "image/png"
    assert own.content == ask(probe, source, ".png").content
    assert own.content == ask(probe, source, format="png").content
    width, _ = png_size(own.content)
    assert png_size(ask(probe, source, ".png", scale="2").content)[0] > width >= 200


@pytest.mark.parametrize("theme", THEMES)
@every_way
def test_pictures_in_svg_and_pdf_are_those_of_the_png(
    probe: Probe, source: Source, theme: str, ask: Asker, page: Page
) -> None:
    """`.svg` and `.pdf` have paths of their own, and show what the PNG shows, every time."""
    shown = decoded(ask(probe, source, ".png", theme=theme).content)
    svg, pdf = (ask(probe, source, suffix, theme=theme) for suffix in (".svg", ".pdf"))

    assert (svg.status_code, svg.headers["content-type"]) == (200, "image/svg+xml")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert svg.content == ask(probe, source, format="svg", theme=theme).content
    assert pdf.content == ask(probe, source, format="pdf", theme=theme).content
    height, width, _ = shown.shape
    assert difference(pdf_raster(pdf.content), shown) <= MOST_DIFFERENT
    assert difference(svg_raster(page, svg.content, (width, height)), shown) <= MOST_DIFFERENT
    root = ElementTree.fromstring(svg.content)  # noqa: S314 - our own
    assert root.attrib["viewBox"] == f"0 0 {width} {height}"
    title = root.findtext("{http://www.w3.org/2000/svg}title")
    assert title in pdf_text(pdf.content)


@every_way
def test_what_a_probe_does_not_know_is_refused(probe: Probe, source: Source, ask: Asker) -> None:
    """A parameter that does not exist is a 422 that names it, and the picture takes no `format`."""
    response = ask(probe, source, nonsense="1")

    assert response.status_code == 422
    assert response.json()["detail"] == "parameter 'nonsense' is not known here"
    assert ask(probe, source, ".png", format="json").status_code == 422


@every_way
def test_an_answer_may_be_kept_only_where_it_stays_true(
    probe: Probe, source: Source, ask: Asker
) -> None:
    """Answers about posted inputs are not stored; others have a strong ETag and a 304."""
    response = ask(probe, source)

    assert response.headers["vary"].lower().startswith("accept")
    if source in {"image", "sequence"}:
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers
        return
    tag = response.headers["etag"]
    assert tag.startswith('"')
    assert ask(probe, source, precision="3").headers["etag"] != tag
    path = response.request.url
    again = ask.client.get(str(path), headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("cache-control", "etag", "vary"):  # RFC 9110, section 15.4.5
        assert again.headers[name] == response.headers[name]


@every_way
def test_an_answer_is_the_same_when_it_is_asked_again(
    probe: Probe, source: Source, ask: Asker
) -> None:
    """Nothing in an answer depends on when it is asked, but its headers."""
    assert ask(probe, source).content == ask(probe, source).content


@pytest.mark.parametrize(
    "probe", PROBES, ids=lambda probe: f"{FAMILY_NAMES[probe.family]}-{probe.name}"
)
def test_every_probe_says_what_it_shows(probe: Probe) -> None:
    """Title and parameters are described, for the docs, the page and the OpenAPI text."""
    assert probe.title.endswith(".")
    for name, field in probe.parameters.model_fields.items():
        assert field.description, name


def test_names_are_unique() -> None:
    """No two probes share a path."""
    paths = [(FAMILY_NAMES[probe.family], probe.name) for probe in PROBES]

    assert len(set(paths)) == len(paths)
