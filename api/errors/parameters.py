"""Validation errors of query and path parameters as problems that name parameter and limit."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError

from api.errors.problem import Problem, Reason, name_value


def parameter_problem(error: RequestValidationError) -> Problem:
    """Translate FastAPI's validation error of parameters to `invalid-parameter`."""
    reasons = [Reason(tuple(one["loc"][:2]), _reason(one)) for one in error.errors()]
    return Problem("invalid-parameter", reasons[0].reason, reasons)


def _reason(error: Mapping[str, Any]) -> str:
    """Return a sentence about the query or path parameter of one pydantic error."""
    parameter = str(error["loc"][1]) if len(error["loc"]) > 1 else "query"
    return _REASONS.get(error["type"], _other)(parameter, error)


def _repeated(parameter: str, error: Mapping[str, Any]) -> str:
    return f"parameter '{parameter}' takes one value and was given {error['ctx']['times']} times"


def _not_one_of(parameter: str, error: Mapping[str, Any]) -> str:
    expected = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    one = parameter if parameter.endswith("ss") else parameter.removesuffix("s")
    return f"{name_value(one, error['input'])} is not one of {expected}"


def _too_small(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} must be at least {error['ctx']['ge']}"


def _too_large(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} must be at most {error['ctx']['le']}"


def _over(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} must be less than {error['ctx']['lt']}"


def _not_number(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} is not a number"


def _not_bool(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} is not one of true, false"


def _not_matching(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} must match {error['ctx']['pattern']}"


def _not_whole(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{name_value(parameter, error['input'])} is not a whole number"


def _other(parameter: str, error: Mapping[str, Any]) -> str:
    return f"{parameter}: {error['msg']}"


_REASONS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "missing": lambda parameter, _: f"parameter '{parameter}' is missing",
    "repeated": _repeated,
    "in_query_and_form": lambda parameter, _: (
        f"parameter '{parameter}' is in the query and in the form: give it once"
    ),
    "extra_forbidden": lambda parameter, _: (
        f"{name_value('parameter', parameter)} is not known here"
    ),
    "literal_error": _not_one_of,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "less_than": _over,
    "float_parsing": _not_number,
    "bool_parsing": _not_bool,
    "string_pattern_mismatch": _not_matching,
    "int_parsing": _not_whole,
    "int_from_float": _not_whole,
    "int_type": _not_whole,
}
