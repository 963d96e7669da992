"""Tensor data of requests of the Open Inference Protocol: JSON lists, or bytes behind the JSON."""

from itertools import chain
from math import prod
from typing import Any

import numpy as np

from api.errors.problem import Problem, body_problem
from api.open_inference.signature import DATATYPES, VARIABLE, TensorSpec
from api.requests.bits import MAX_SEQUENCE_STEPS
from api.requests.declared_body import MAX_INPUTS

Place = tuple[str | int, ...]
"""Location of a tensor in the request, such as `("inputs", 0)`."""

NOT_NUMBERS = "must be a list of numbers, or nested lists"
NOT_LEVELS = "must be a list of integers from 0 to 255, or nested lists"


def tensor_fault(spec: TensorSpec, fault: str, place: Place) -> Problem:
    """Return the problem of an input's tensor.

    Args:
        fault: Rest of a sentence about the input.
    """
    return body_problem("invalid-body", f"Input '{spec.name}' {fault}.", *place)


def check_shape(value: object, spec: TensorSpec, place: Place) -> tuple[int, ...]:
    """Check the `shape` of an input's tensor: rows, then the shape of a row of the signature.

    Raises:
        Problem: It is another shape, or over the limit of rows or steps.
    """
    expected = [f"1 to {MAX_INPUTS} rows", *map(_length, spec.shape)]
    limits = [MAX_INPUTS, *(MAX_SEQUENCE_STEPS if one == VARIABLE else one for one in spec.shape)]
    if (
        isinstance(value, list)
        and len(value) == len(limits)
        and all(type(one) is int and one >= 1 for one in value)
        and all(
            one <= limit if at == 0 or spec.shape[at - 1] == VARIABLE else one == limit
            for at, (one, limit) in enumerate(zip(value, limits, strict=True))
        )
    ):
        return tuple(value)
    fault = f"must have the shape [{', '.join(expected)}]"
    raise tensor_fault(spec, fault, (*place, "shape"))


def _length(size: int) -> str:
    return f"1 to {MAX_SEQUENCE_STEPS} steps" if size == VARIABLE else str(size)


def from_bytes(content: bytes, start: int, shape: tuple[int, ...], spec: TensorSpec) -> np.ndarray:
    """Return a tensor of the bytes of a body, without a copy where they are aligned."""
    found = np.frombuffer(content, DATATYPES[spec.datatype], prod(shape), start).reshape(shape)
    return found if found.flags.aligned else found.copy()


def from_json(data: object, shape: tuple[int, ...], spec: TensorSpec, place: Place) -> np.ndarray:
    """Return a tensor of the `data` of an input: numbers in row-major order, nested or flat.

    Raises:
        Problem: They are no numbers of the datatype, or of another number than the shape has.
    """
    is_level = spec.datatype == "UINT8"
    flat = _flat(data)
    if flat is None:
        raise tensor_fault(spec, NOT_LEVELS if is_level else NOT_NUMBERS, (*place, "data"))
    if len(flat) != prod(shape):
        fault = f"has {len(flat)} numbers in 'data', and {prod(shape)} by its shape"
        raise tensor_fault(spec, fault, (*place, "data"))
    found = _levels(flat) if is_level else _floats(flat)
    if found is None:
        raise tensor_fault(spec, NOT_LEVELS if is_level else NOT_NUMBERS, (*place, "data"))
    return found.reshape(shape)


def _flat(data: Any) -> list[Any] | None:
    """Return nested lists as one list; None where lists and numbers are mixed."""
    if not isinstance(data, list):
        return None
    flat: list[Any] = data
    while flat and isinstance(flat[0], list):
        if not all(isinstance(one, list) for one in flat):
            return None
        flat = list(chain.from_iterable(flat))
    return flat


def _levels(flat: list[Any]) -> np.ndarray | None:
    """Return integers from 0 to 255 as an array; None for other values."""
    # By exact type: to Python True is an integer.
    if set(map(type, flat)) != {int}:
        return None
    try:
        return np.frombuffer(bytes(flat), np.uint8)
    except ValueError:
        return None


def _floats(flat: list[Any]) -> np.ndarray | None:
    """Return numbers as an array of float32; None for other values."""
    if not {int, float}.issuperset(map(type, flat)):
        return None
    with np.errstate(over="ignore"):  # a number beyond float32 is infinite, and refused as such
        return np.array(flat, np.float64).astype(np.float32)
