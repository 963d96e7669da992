"""Requests and answers of the Open Inference Protocol for tests: JSON, binary tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import numpy as np
import orjson

DATATYPES = {"uint8": "UINT8", "float32": "FP32", "int64": "INT64"}
TYPES = {name: np.dtype(kind).newbyteorder("<") for kind, name in DATATYPES.items()}
HEADER = "Inference-Header-Content-Length"


def tensor(name: str, values: np.ndarray) -> dict[str, Any]:
    """Describe an input without its values."""
    return {"name": name, "shape": list(values.shape), "datatype": DATATYPES[values.dtype.name]}


def json_request(
    inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = (), **others: Any
) -> dict[str, Any]:
    """Make the JSON of a request with flat lists of numbers."""
    listed = [
        {**tensor(name, one), "data": one.reshape(-1).tolist()} for name, one in inputs.items()
    ]
    named = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    return {"inputs": listed, **named, **others}


def binary_request(
    inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = (), **others: Any
) -> tuple[bytes, dict[str, str]]:
    """Make the body of a request with binary tensors both ways, and its headers."""
    listed = [
        {**tensor(name, one), "parameters": {"binary_data_size": one.nbytes}}
        for name, one in inputs.items()
    ]
    named = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    body = {"inputs": listed, "parameters": {"binary_data_output": True}, **named, **others}
    head = orjson.dumps(body)
    content = b"".join([head, *(one.tobytes() for one in inputs.values())])
    return content, {HEADER: str(len(head)), "Content-Type": "application/octet-stream"}


def outputs_of(answer: httpx2.Response) -> dict[str, np.ndarray]:
    """Read the outputs of an answer by name, those in JSON and binary ones."""
    assert answer.status_code == 200, answer.text
    length = int(answer.headers.get(HEADER, len(answer.content)))
    start, found = length, {}
    for one in orjson.loads(answer.content[:length])["outputs"]:
        kind = TYPES[one["datatype"]]
        size = one.get("parameters", {}).get("binary_data_size")
        if size is None:
            values = np.array(one["data"], kind)
        else:
            values = np.frombuffer(answer.content, kind, size // kind.itemsize, start)
            start += size
        found[one["name"]] = values.reshape(one["shape"])
    assert start == len(answer.content)
    return found
