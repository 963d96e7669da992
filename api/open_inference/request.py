"""Request of the Open Inference Protocol: its JSON, the bytes behind it, and the outputs it names.

body -> JSON, bytes -> tensors by name -> rows of the programs
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from api.errors.problem import Problem, body_problem, name_value
from api.open_inference.signature import DATATYPES, Signature, TensorSpec
from api.open_inference.tensor_data import (
    Place,
    check_shape,
    from_bytes,
    from_json,
    tensor_fault,
)
from api.requests.json_parsing import parse_json

KEYS = frozenset({"id", "parameters", "inputs", "outputs", "model_name", "model_version"})
"""Keys of a request; KServe's client repeats the name of the model."""

INPUT_KEYS = frozenset({"name", "shape", "datatype", "parameters", "data"})
OUTPUT_KEYS = frozenset({"name", "parameters"})
INDEX_KEYS = frozenset({"ready"})

MAX_ID = 128
"""Most characters of a request's `id`, which its answer repeats."""

MAX_CLASSES = 1000
"""Most classes of an output that a request may ask for by `classification`."""

OF_CLASSES = ("logits", "probabilities")
"""Outputs of a request that may have a value for each class."""

NOT_SERVED: Mapping[str, str] = {
    "sequence_id": "no state is kept between requests: send the final state of an answer as inputs",
    "shared_memory_region": "there is no shared memory: send the tensor in the request",
}
"""Parameters that a request may not have, for they change its meaning → the way out."""


class RequestedOutput(NamedTuple):
    """Output that a request names, or that its answer has by default.

    Attributes:
        is_binary: Whether its values are bytes behind the JSON of the answer.
        classes: Number of the most likely classes to return in place of the values; 0 for these.
    """

    name: str
    is_binary: bool
    classes: int = 0


class InferenceRequest(NamedTuple):
    """Request of the Open Inference Protocol, parsed.

    Attributes:
        request_id: Its `id`; None without one.
        inputs: Tensors by name, with the axis of rows.
        outputs: Outputs to return, in this order.
    """

    request_id: str | None
    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[RequestedOutput]


def parse_request(
    content: bytes, header_bytes: int | None, signature: Signature
) -> InferenceRequest:
    """Parse the body of a request. CPU work where its JSON is large.

    Args:
        header_bytes: Bytes of the JSON before the binary tensors; None where all is JSON.
        signature: Inputs and outputs of the network.

    Raises:
        Problem: The body is not valid.
    """
    body = parse_json(content if header_bytes is None else content[:header_bytes])
    given = _object(body, "The body", KEYS, ())
    parameters = _parameters(given, ())
    inputs = dict(_inputs(given.get("inputs"), content, header_bytes, signature))
    by_default = _flag(parameters, "binary_data_output", default=False)
    outputs = tuple(_outputs(given.get("outputs"), signature, by_default=by_default))
    return InferenceRequest(_id(given.get("id")), inputs, outputs)


def parse_index_request(content: bytes) -> bool:
    """Parse the body of a request for the list of models: whether it asks for ready ones alone.

    Args:
        content: JSON, or nothing for all models.

    Raises:
        Problem: The body is not valid.
    """
    if not content:
        return False
    return _flag(_object(parse_json(content), "The body", INDEX_KEYS, ()), "ready", default=False)


def _id(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_ID):
        detail = f"'id' must be a text of at most {MAX_ID} characters."
        raise body_problem("invalid-body", detail, "id")
    return value


def _object(value: object, noun: str, keys: frozenset[str], place: Place) -> dict[str, Any]:
    """Check that a part of a request is an object of known keys; nulls count as absent."""
    if not isinstance(value, dict):
        raise body_problem("invalid-body", f"{noun} must be an object.", *place)
    unknown = next((key for key in value if key not in keys), None)
    if unknown is not None:
        listed = ", ".join(sorted(keys))
        detail = f"{noun} has {name_value('key', unknown)}, which is not one of {listed}."
        raise body_problem("invalid-body", detail, *place)
    return value


def _parameters(given: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """Return the `parameters` of a part of a request; those that are not known are ignored.

    Raises:
        Problem: They are no object, or one would change the meaning of the request.
    """
    found = given.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise body_problem("invalid-body", "'parameters' must be an object.", *place, "parameters")
    for name, way_out in NOT_SERVED.items():
        if found.get(name):
            detail = f"The parameter '{name}' is not served: {way_out}."
            raise body_problem("invalid-body", detail, *place, "parameters", name)
    return found


def _flag(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return a parameter that is true or false.

    Raises:
        Problem: It is neither.
    """
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise body_problem("invalid-body", f"The parameter '{name}' must be true or false.")
    return value


def _named(
    value: object, key: str, keys: frozenset[str], specs: Mapping[str, TensorSpec]
) -> Iterator[tuple[TensorSpec, dict[str, Any], Place]]:
    """Yield the entries of `inputs` or `outputs`, each with its tensor in the signature.

    Raises:
        Problem: They are no list of objects, or a name is unknown or is there twice.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= len(specs):
        detail = f"'{key}' must be a list of 1 to {len(specs)} objects."
        raise body_problem("invalid-body", detail, key)
    seen: set[str] = set()
    for index, one in enumerate(value):
        given = _object(one, f"{key}[{index}]", keys, (key, index))
        name = given.get("name")
        if not isinstance(name, str) or name not in specs:
            what = name_value(key.removesuffix("s"), name)
            detail = f"{key}[{index}]: {what} is not one of {', '.join(specs)}."
            raise body_problem("invalid-body", detail, key, index, "name")
        if name in seen:
            raise body_problem("invalid-body", f"'{key}' has '{name}' twice.", key, index, "name")
        seen.add(name)
        yield specs[name], given, (key, index)


def _inputs(
    value: object, content: bytes, header_bytes: int | None, signature: Signature
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the tensors of a request by name.

    Raises:
        Problem: One is not valid, or the bytes behind the JSON are more or fewer than theirs.
    """
    start = len(content) if header_bytes is None else header_bytes
    for spec, given, place in _named(value, "inputs", INPUT_KEYS, signature.inputs):
        if given.get("datatype") != spec.datatype:
            fault = f"must have the datatype {spec.datatype}"
            raise tensor_fault(spec, fault, (*place, "datatype"))
        shape = check_shape(given.get("shape"), spec, place)
        size = _parameters(given, place).get("binary_data_size")
        if size is None:
            yield spec.name, from_json(given.get("data"), shape, spec, place)
            continue
        if given.get("data") is not None:
            raise tensor_fault(spec, "has both 'data' and 'binary_data_size'", place)
        _check_size(size, len(content) - start, shape, spec, place)
        yield spec.name, from_bytes(content, start, shape, spec)
        start += size
    if start != len(content):
        detail = f"The body has {len(content) - start} bytes that belong to none of its inputs."
        raise body_problem("invalid-body", detail, "inputs")


def _check_size(
    size: object, left: int, shape: tuple[int, ...], spec: TensorSpec, place: Place
) -> None:
    """Check the number of bytes of a binary tensor by its shape, and by those that are left."""
    expected = DATATYPES[spec.datatype].itemsize
    for length in shape:
        expected *= length
    if type(size) is not int or size != expected:
        fault = f"has {expected} bytes by its shape, and another 'binary_data_size'"
        raise tensor_fault(spec, fault, (*place, "parameters", "binary_data_size"))
    if size > left:
        fault = (
            f"has {size} bytes, and the body {max(left, 0)} more behind its JSON, whose length is "
            "the header Inference-Header-Content-Length"
        )
        raise tensor_fault(spec, fault, (*place, "parameters", "binary_data_size"))


def _outputs(value: object, signature: Signature, *, by_default: bool) -> Iterator[RequestedOutput]:
    """Yield the outputs that a request names; those of a prediction where it names none.

    Args:
        by_default: Whether outputs are binary that do not say it themselves.
    """
    if value is None or value == []:
        for name in signature.defaults:
            yield RequestedOutput(name, by_default)
        return
    for spec, given, place in _named(value, "outputs", OUTPUT_KEYS, signature.outputs):
        parameters = _parameters(given, place)
        is_binary = _flag(parameters, "binary_data", default=by_default)
        yield RequestedOutput(spec.name, is_binary, _classes(parameters, spec, signature, place))


def _classes(
    parameters: Mapping[str, Any], spec: TensorSpec, signature: Signature, place: Place
) -> int:
    """Return the parameter `classification` of an output: a number of the most likely classes.

    Raises:
        Problem: It is no such number, or the output has no value for each class.
    """
    value = parameters.get("classification", 0)
    if not value:
        return 0
    if type(value) is not int or not 1 <= value <= MAX_CLASSES:
        detail = f"The parameter 'classification' must be an integer from 1 to {MAX_CLASSES}."
        raise body_problem("invalid-body", detail, *place, "parameters", "classification")
    if spec.name not in OF_CLASSES or spec.shape != (len(signature.classes),):
        detail = (
            f"Output '{spec.name}' has no value for each class: 'classification' is for "
            f"{' and '.join(OF_CLASSES)}."
        )
        raise body_problem("invalid-body", detail, *place, "parameters", "classification")
    return value


def header_length(text: str, size: int) -> int | None:
    """Return the bytes of a request's JSON by the header Inference-Header-Content-Length.

    Args:
        text: Value of the header; empty where all of the body is JSON.
        size: Bytes of the body.

    Raises:
        Problem: It is no such number.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(size))) or int(text) > size:
        detail = (
            "Inference-Header-Content-Length must be the number of bytes of the JSON with which "
            "the body begins."
        )
        raise Problem("invalid-request", detail)
    return int(text)
