"""Bodies of the comparison's requests: images and sequences in each form, edits and sources."""

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from scripts.compare import inference_bodies
from scripts.compare.wire import Headers, form_body, json_body

BITS = "1011001110100111"
OTHER_BITS = "0010110001011010"

Body = tuple[Headers, bytes]


@dataclass(frozen=True)
class Material:
    """Material for the bodies of a comparison: facts about the served networks, images to post.

    Attributes:
        digits: Rows of integers 0 to 255, one image each.
        checkpoints: Names of the checkpoints of each model.
        units: Hidden units of the LSTM.
    """

    digits: tuple[list[list[int]], ...]
    checkpoints: Mapping[str, tuple[str, ...]]
    units: int


def encoded(pixels: Any, kind: str = "PNG", size: int = 28, mode: str = "L") -> bytes:
    """Encode an image for the body of a comparison's request, resized to `size` x `size` pixels."""
    image = Image.fromarray(np.asarray(pixels, np.uint8)).resize((size, size)).convert(mode)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def base64_text(content: bytes) -> str:
    """Encode image bytes in base64 for the JSON bodies of a comparison."""
    return base64.b64encode(content).decode()


def extra(stem: str, material: Material) -> dict[str, Any]:
    """Return the body keys that an operation of the comparison takes in addition to its input."""
    image, bits = {"pixels": material.digits[1]}, {"sequence": OTHER_BITS}
    region = {"top": 1, "left": 2, "bottom": 4, "right": 5}
    every: dict[str, dict[str, Any]] = {
        "/cnn/intervene": {
            "edits": [{"layer": "relu2", "channels": [3, 7], "region": region, "operation": "zero"}]
        },
        "/cnn/sweep": {"source": image},
        "/lstm/intervene": {
            "edits": [{"value": "cell", "units": [1], "steps": [2, 4], "operation": "zero"}],
        },
        "/lstm/patching": {"source": bits},
    }
    return every.get(stem, {})


def base_body(stem: str, media_types: tuple[str, ...], material: Material) -> Body:
    """Return one body that an operation accepts in the comparison; empty where it reads none."""
    if not media_types:
        return (), b""
    if stem == inference_bodies.PATH:
        return json_body(inference_bodies.request_of(material.digits))
    if "image/png" not in media_types:
        return json_body({"sequence": BITS, **extra(stem, material)})
    if added := extra(stem, material):
        return json_body({"pixels": material.digits[0], **added})
    return (("Content-Type", "image/png"),), encoded(material.digits[0])


def forms(
    stem: str, media_types: tuple[str, ...], material: Material
) -> Iterator[tuple[str, Body]]:
    """Yield name and body of each form of input that an operation accepts in the comparison."""
    if not media_types:
        return
    if stem == inference_bodies.PATH:
        yield from inference_bodies.forms(material.digits)
        return
    added = extra(stem, material)
    if "image/png" in media_types:
        yield from image_forms(added, material)
    else:
        yield from sequence_forms(added, material)
    values = dict(edited(stem, material))
    for name, value in values.items():
        yield name, json_body(value)
    if values:
        yield "inputs of each", json_body({"inputs": list(values.values())})


def image_forms(added: Mapping[str, Any], material: Material) -> Iterator[tuple[str, Body]]:
    """Yield bodies of a comparison with an image in each form: raw, multipart, JSON, several."""
    first, second, *_ = material.digits
    png, jpeg = encoded(first), encoded(second, "JPEG", 100, "RGB")
    yield "png", ((("Content-Type", "image/png"),), png)
    yield "png of 200 x 200", ((("Content-Type", "image/png"),), encoded(first, size=200))
    yield "png with alpha", ((("Content-Type", "image/png"),), encoded(first, mode="RGBA"))
    yield "jpeg", ((("Content-Type", "image/jpeg"),), jpeg)
    yield "form", form_body(png)
    yield "form of two", form_body(png, jpeg)
    yield "base64", json_body({"image": base64_text(png), **added})
    url = f"data:image/jpeg;base64,{base64_text(jpeg)}"
    yield "data url", json_body({"image": url, **added})
    yield "pixels", json_body({"pixels": first, **added})
    yield "blank", json_body({"pixels": [[0] * 28] * 28, **added})
    inverted = (255 - np.asarray(first)).tolist()
    yield "dark on light", json_body({"pixels": inverted, **added})
    inputs = [{"pixels": first, **added}, {"image": base64_text(jpeg), **added}]
    yield "inputs", json_body({"inputs": inputs})
    yield "inputs of one", json_body({"inputs": inputs[:1]})


def sequence_forms(added: Mapping[str, Any], material: Material) -> Iterator[tuple[str, Body]]:
    """Yield bodies of a comparison with a sequence in each form: text, list, state, several."""
    bits = [int(bit) for bit in BITS]
    state = {
        "cell": [0.5 * (at - 3) for at in range(material.units)],
        "hidden": [0.1 * at - 0.3 for at in range(material.units)],
    }
    yield "text", json_body({"sequence": BITS, **added})
    yield "list", json_body({"sequence": bits, **added})
    yield "initial state", json_body({"sequence": BITS, "initial_state": state, **added})
    inputs = [
        {"sequence": BITS, "initial_state": state, **added},
        {"sequence": OTHER_BITS, **added},
        {"sequence": bits, **added},
    ]
    yield "inputs", json_body({"inputs": inputs})
    if not added:
        yield "long", json_body({"sequence": BITS * 60})
        yield "inputs of two lengths", json_body({"inputs": [{"sequence": BITS * 40}, inputs[1]]})


def edited(stem: str, material: Material) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield bodies of a comparison with each kind of edit, and with sources in each form."""
    if stem == "/cnn/intervene":
        yield from _image_edits(material)
    if stem == "/lstm/intervene":
        yield from _sequence_edits(material)
    if stem in {"/cnn/sweep", "/cnn/intervene"}:
        image = {"image": base64_text(encoded(material.digits[1]))}
        yield (
            "source in base64",
            {"pixels": material.digits[0], **extra(stem, material), "source": image},
        )
    if stem in {"/lstm/patching", "/lstm/intervene"}:
        state = {"cell": [0.25] * material.units, "hidden": [-0.5] * material.units}
        source = {"sequence": [int(bit) for bit in OTHER_BITS], "initial_state": state}
        value = {"sequence": BITS, **extra(stem, material), "source": source}
        yield "source with initial state", value


def _image_edits(material: Material) -> Iterator[tuple[str, dict[str, Any]]]:
    given = {"pixels": material.digits[0], "source": {"pixels": material.digits[1]}}
    for operation, more in (
        ("zero", {}),
        ("scale", {"amount": 2.5}),
        ("add", {"amount": -0.75}),
        ("set", {"amount": 0.5}),
        ("mean", {}),
        ("patch", {}),
    ):
        edit = {"layer": "relu1", "channels": [0, 4], "operation": operation, **more}
        yield f"edit {operation}", {**given, "edits": [edit]}
    values = [0.1 * at for at in range(10)]
    edits = [
        {"layer": "relu2", "operation": "scale", "amount": 0.5},
        {"layer": "logits", "operation": "set", "values": values},
    ]
    yield "edits with values", {**given, "edits": edits}


def _sequence_edits(material: Material) -> Iterator[tuple[str, dict[str, Any]]]:
    given = {"sequence": BITS, "source": {"sequence": OTHER_BITS}}
    names = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
    for value in names:
        for operation, more in (
            ("zero", {}),
            ("scale", {"amount": 2.5}),
            ("add", {"amount": -0.25}),
            ("set", {"amount": 0.5}),
            ("patch", {}),
        ):
            units = [0, material.units - 1]
            edit = {"value": value, "units": units, "steps": [2, 9], "operation": operation, **more}
            yield f"edit {value} {operation}", {**given, "edits": [edit]}
