"""Validation of a body by its declaration: errors of pydantic become one problem."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from api.errors.problem import Problem, Reason, body_problem, name_value
from api.requests.declared_body import DeclaredBody
from api.requests.json_object import FieldError
from models.architecture import Architecture

Location = tuple[int | str, ...]


def validate(declaration: type[DeclaredBody], value: object, network: Architecture) -> DeclaredBody:
    """Validate the parsed body of a request by its declaration.

    Args:
        network: Network whose sizes and symbols the validators compare with.

    Raises:
        Problem: Of the first error; errors of a probe's extra fields are reported together.
    """
    try:
        return declaration.model_validate(value, context={"network": network})
    except ValidationError as error:
        raise validation_problem(error.errors(include_url=False, include_input=False)) from None


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Translate pydantic's errors of a body's validation to one problem."""
    first = _field_error(errors[0])
    if first is not None:
        location: Location = errors[0]["loc"]
        prefix, _ = _split(location, of_object=True)
        return body_problem(first.kind, prefix + first.reason, *location, *first.place)
    reasons = [_reason(error) for error in errors if _field_error(error) is None]
    return Problem("invalid-body", reasons[0].reason, reasons)


def _field_error(error: Mapping[str, Any]) -> FieldError | None:
    """Return the `FieldError` that failed a body's validation; None for pydantic's own errors."""
    cause = error.get("ctx", {}).get("error")
    return cause if isinstance(cause, FieldError) else None


def _reason(error: Mapping[str, Any]) -> Reason:
    """Translate pydantic's own error of a body's validation to the words of JSON."""
    prefix, rest = _split(error["loc"], of_object=False)
    if error["type"] == "extra_forbidden" and len(rest) > 1:
        key = name_value("key", rest[-1])
        sentence = f"{prefix}{_path(rest[:-1])} has {key}, which is not known here."
        return Reason(("body", *error["loc"]), sentence)
    # The extra fields of probes are tuples in Python, but lists in JSON.
    message = error["msg"].removeprefix("Value error, ").replace("tuple", "list")
    message = message.replace("Tuple", "List")
    return Reason(("body", *error["loc"]), f"{prefix}{_path(rest)}: {message}.")


def _split(location: Location, *, of_object: bool) -> tuple[str, Location]:
    """Split the location of a validation error: the inputs that hold it, as a prefix, and the rest.

    Args:
        of_object: Whether the last key may be such an input itself.
    """
    prefix, rest, least = "", location, 1 if of_object else 2
    if len(rest) > 1 and rest[0] == "inputs":
        prefix, rest = f"inputs[{rest[1]}]: ", rest[2:]
    if len(rest) >= least and rest[0] == "source":
        prefix, rest = f"{prefix}source: ", rest[1:]
    return prefix, rest


def _path(location: Location) -> str:
    """Write the location of a validation error as an expression: `edits[0].layer`."""
    first, *rest = location
    return str(first) + "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in rest)
