"""Answer of the Open Inference Protocol: outputs of all rows, as JSON or as bytes behind it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from api.errors.problem import Problem, body_problem
from api.inference.large_work import large_work
from api.open_inference.content_coding import Coding
from api.open_inference.request import InferenceRequest, RequestedOutput
from api.open_inference.signature import DATATYPES, Signature
from api.responses.negotiation import COPIES, MAX_JSON_BYTES
from models.registry import ResidentModel
from models.runtime.programs import Outputs
from probes.output.buffers import Buffer, buffers_of
from probes.output.encode import MIN_BYTES_PER_NUMBER

VERSION = "1"
"""Version of every model: that which is resident."""

TOO_LARGE = (
    "The JSON would be over 8 MiB. Ask for fewer outputs or rows, or for binary outputs: "
    "'binary_data_output' among the parameters of the request."
)


NOT_FINITE = (
    "Output '{}' holds values that are not finite, which JSON has not. Ask for it with "
    "'binary_data' true among its parameters."
)


class Answer(NamedTuple):
    """Answer to a request of the Open Inference Protocol.

    Attributes:
        buffers: JSON, and the bytes of the binary outputs, in order.
        header_bytes: Bytes of the JSON where outputs are binary, else None.
        coding: Content coding of the buffers; None without one.
    """

    buffers: list[Buffer]
    header_bytes: int | None
    coding: Coding | None = None


def json_bytes(nbytes: int) -> int:
    """Return the fewest bytes of an answer's JSON that holds values of some bytes as float32."""
    return nbytes // 4 * MIN_BYTES_PER_NUMBER


def encode(
    model: ResidentModel, signature: Signature, asked: InferenceRequest, found: list[Outputs]
) -> Answer:
    """Encode the answer to a request. CPU work where it is large.

    Args:
        found: Outputs of the program for each row; the list is emptied.

    Raises:
        Problem: The JSON would be over its limit, or have values that are not finite.
    """
    head: dict[str, Any] = {"model_name": model.name, "model_version": VERSION}
    if asked.request_id is not None:
        head["id"] = asked.request_id
    head["parameters"] = {"weights": model.digest()}
    described: list[dict[str, Any]] = []
    arrays: list[np.ndarray] = []
    values = sum(value.nbytes for value in found[0].values()) * len(found)
    with large_work(COPIES["json"] * values):
        for one in asked.outputs:
            rows = [signature.value(one.name, outputs) for outputs in found]
            entry, data = _entry(one, signature, rows)
            described.append(entry)
            arrays += data
        found.clear()
        head["outputs"] = described
        text = orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)
    if len(text) > MAX_JSON_BYTES:
        raise Problem("answer-too-large", TOO_LARGE)
    if not any(one.is_binary for one in asked.outputs):
        return Answer([text], None)
    return Answer(buffers_of(text, arrays), len(text))


def _entry(
    one: RequestedOutput, signature: Signature, rows: Sequence[np.ndarray]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the JSON entry of an output in an answer, and the arrays of a binary one.

    Raises:
        Problem: Values that JSON would have are not finite.
    """
    if one.classes:
        return _classified(one, signature.classes, rows)
    spec = signature.outputs[one.name]
    shape = (len(rows), *rows[0].shape)
    entry: dict[str, Any] = {"name": one.name, "shape": shape, "datatype": spec.datatype}
    if not one.is_binary:
        # Flat lists are those of the protocol's examples, and the fastest to write and to parse.
        entry["data"] = flat = _flat(rows)
        # orjson would write null, in silence: the protocol has no warnings.
        if not np.isfinite(flat).all():
            raise body_problem("invalid-body", NOT_FINITE.format(one.name), "outputs")
        return entry, []
    kind = DATATYPES[spec.datatype]
    arrays = [np.ascontiguousarray(row, kind) for row in rows]
    entry["parameters"] = {"binary_data_size": sum(array.nbytes for array in arrays)}
    return entry, arrays


def _flat(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values of all rows of an answer's output in one axis."""
    if len(rows) == 1:
        return np.ascontiguousarray(rows[0]).reshape(-1)
    return np.concatenate([row.reshape(-1) for row in rows])


def _classified(
    one: RequestedOutput, classes: Sequence[str], rows: Sequence[np.ndarray]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return an answer's entry of the most likely classes of each row: `value:index:class`."""
    count = min(one.classes, len(classes))
    texts = [
        f"{values[index]:f}:{index}:{classes[index]}"
        for values in rows
        for index in np.argsort(-values, kind="stable")[:count].tolist()
    ]
    entry: dict[str, Any] = {"name": one.name, "shape": (len(rows), count), "datatype": "BYTES"}
    if not one.is_binary:
        return {**entry, "data": texts}, []
    coded = [text.encode() for text in texts]
    packed = b"".join(len(text).to_bytes(4, "little") + text for text in coded)
    array = np.frombuffer(packed, np.uint8)
    return {**entry, "parameters": {"binary_data_size": len(packed)}}, [array]
