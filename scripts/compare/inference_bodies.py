"""Bodies of the comparison's requests to the Open Inference Protocol: JSON and binary tensors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from scripts.compare.wire import Headers, json_body

PATH = "/v2/models/{model}/infer"
"""Path template of the requests with these bodies in the comparison."""

HEADER = "Inference-Header-Content-Length"


def request_of(digits: Sequence[Any], rows: int = 1) -> dict[str, Any]:
    """Return a request of the comparison to the CNN, with every key.

    Args:
        digits: Rows of integers 0 to 255, one image each.
        rows: Number of them to send.
    """
    pixels = np.asarray(digits[:rows], np.uint8)
    image = {"name": "image", "shape": [rows, 28, 28], "datatype": "UINT8", "parameters": {}}
    return {
        "id": "compared",
        "parameters": {"binary_data_output": False},
        "inputs": [{**image, "data": pixels.tolist()}],
        "outputs": [{"name": "relu3", "parameters": {}}, {"name": "probabilities"}],
    }


def forms(digits: Sequence[Any]) -> Iterator[tuple[str, tuple[Headers, bytes]]]:
    """Yield name and body of each form of a request of the comparison."""
    whole = request_of(digits)
    yield "every key", json_body(whole)
    yield "without outputs", json_body({"inputs": whole["inputs"]})
    yield (
        "classes",
        json_body({**whole, "outputs": [{"name": "logits", "parameters": {"classification": 3}}]}),
    )
    yield "two rows", json_body(request_of(digits, 2))
    steps = {"name": "sequence", "shape": [1, 3], "datatype": "UINT8", "data": [1, 0, 1]}
    yield "of another network", json_body({"inputs": [steps]})
    (image,) = whole["inputs"]
    content = np.asarray(image.pop("data"), np.uint8).tobytes()
    image["parameters"] = {"binary_data_size": len(content)}
    whole["parameters"] = {"binary_data_output": True}
    head = orjson.dumps(whole)
    kind = ("Content-Type", "application/octet-stream")
    yield "binary tensors", ((kind, (HEADER, str(len(head)))), head + content)
