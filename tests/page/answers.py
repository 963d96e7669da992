"""Answers of the API, the expected values of the page tests."""

import io
import json
import re
from collections.abc import Callable
from typing import Any

import httpx2
import numpy as np

Arrays = dict[str, np.ndarray]


def ask(api: httpx2.Client, path: str, sent: bytes | dict[str, Any] | None = None) -> Arrays:
    """Tensors of an answer by name: of a GET, or of a POST of a PNG or a JSON body."""
    address = f"{path}{'&' if '?' in path else '?'}format=npz"
    if sent is None:
        answer = api.get(address)
    elif isinstance(sent, bytes):
        answer = api.post(address, content=sent, headers={"Content-Type": "image/png"})
    else:
        answer = api.post(address, json=sent)
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content)) as arrays:
        return dict(arrays)


def assert_computed_alike(found: Any, expected: Any) -> None:
    """Require values of one input to be equal but for the size of the batches that they ran in.

    Requests that the page sends together run in one batch, and those of a test alone: the last
    digit of a value may differ.
    """
    np.testing.assert_allclose(np.float32(found), expected, rtol=5e-6, atol=5e-6)


def colour_tables(api: httpx2.Client) -> Arrays:
    """Colour maps by name: (256, 3), red, green and blue."""
    return {
        one["name"]: np.array(
            [[int(c[at : at + 2], 16) for at in (1, 3, 5)] for c in one["colours"]]
        )
        for one in api.get("/colormaps").json()["colormaps"]
    }


def coloured(table: np.ndarray, value: float, low: float, high: float) -> np.ndarray:
    """Colour of a value; a value half-way between two colours may have either."""
    share = (np.float64(value) - low) / (high - low)
    index = int(np.clip(np.floor(255 * share + 0.5), 0, 255))
    return np.asarray(table[index])


def parts(body: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, document and values of a safetensors answer."""
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["lightwell"]), body[8 + length :]


def altered(body: bytes, name: str, change: Callable[[np.ndarray], None]) -> bytes:
    """Copy of a safetensors answer with the values of one float32 tensor changed."""
    header, _, values = parts(body)
    start, stop = header[name]["data_offsets"]
    tensor = np.frombuffer(values[start:stop], np.float32).reshape(header[name]["shape"]).copy()
    change(tensor)
    return body[: len(body) - len(values)] + values[:start] + tensor.tobytes() + values[stop:]


def difference(shown: dict[str, float]) -> float:
    """B − A in float64, of two float32 values that the page writes in their shortest form."""
    return float(np.float64(np.float32(shown["B"])) - np.float64(np.float32(shown["A"])))


def number(text: str) -> float:
    """Parse a number of the page, which has the minus sign U+2212."""
    found = re.search(r"[−-]?\d[\d.]*(?:e[+−-]?\d+)?", text)
    assert found, text
    return float(found[0].replace("−", "-"))
