"""From whatever was raised to the problem that says so: the one table of exceptions."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.errors.problem import SHOWABLE, Problem, Reason, bug_response, problem_response
from api.inference.batching import DeadlineError, QueueFullError
from api.inference.engine import RETRY_AFTER
from models.registry import MODELS
from probes import PROBES
from probes.declaration import ParameterError
from probes.output.encode import AnswerTooLargeError


def install(app: FastAPI) -> None:
    """Answer every exception of this table with its problem."""
    for raised in REFUSALS:
        app.add_exception_handler(raised, refuse)
    app.add_exception_handler(Exception, _bug)


def refuse(request: Request, error: Exception) -> Response:
    """Answer an exception with its problem.

    Raises:
        Exception: The same, where it is none of the table: a bug.
    """
    to_problem = next((REFUSALS[one] for one in type(error).__mro__ if one in REFUSALS), None)
    if to_problem is None:
        raise error
    return problem_response(to_problem(request, error), request.state.request_id)


def _bug(request: Request, _: Exception) -> Response:
    """Answer what is not in the table."""
    return bug_response(request.state.request_id)


def _http(request: Request, error: HTTPException) -> Problem:
    """Translate what the router says."""
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            return _nothing_here(request.url.path)
        case 405:
            allowed = headers.get("Allow") or headers.get("allow", "")
            return Problem("method-not-allowed", f"This path takes {allowed}.", headers=headers)
        case 413:
            return Problem("body-too-large", "The body is too large.", headers=headers)
        case _:
            return Problem("invalid-request", "The request cannot be read.", headers=headers)


def _nothing_here(path: str) -> Problem:
    """Say what there is instead."""
    model, _, probe = path.strip("/").partition("/")
    if probe and model in MODELS:
        known = ", ".join(one.name for one in PROBES if one.model == model)
        return Problem("unknown-path", f"{named('probe', probe)} is not one of {known}.")
    if probe:
        return unknown_model(model)
    return Problem("unknown-path", "There is nothing at this path; /docs lists what there is.")


def unknown_model(name: str) -> Problem:
    """Refuse a model that is not resident."""
    return Problem("unknown-model", f"{named('model', name)} is not one of {', '.join(MODELS)}.")


def named(kind: str, value: object) -> str:
    """Name a thing with its value, where that may be shown."""
    text = str(value)
    return f"{kind} '{text}'" if SHOWABLE.fullmatch(text) else f"this {kind}"


def _validation(_: Request, error: RequestValidationError) -> Problem:
    """Translate what pydantic says of a query."""
    reasons = [Reason(tuple(one["loc"][:2]), _reason(one)) for one in error.errors()]
    return Problem("invalid-parameter", reasons[0].reason, reasons)


def _reason(error: Mapping[str, Any]) -> str:
    """Say what is wrong with one parameter, and the limit."""
    parameter = str(error["loc"][1]) if len(error["loc"]) > 1 else "query"
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"parameter '{parameter}' is missing"
        case "extra_forbidden":
            return f"{named('parameter', parameter)} is not known here"
        case "literal_error":
            expected = context["expected"].replace("'", "").replace(" or ", ", ")
            return f"{named(parameter.removesuffix('s'), error['input'])} is not one of {expected}"
        case "greater_than_equal" | "less_than_equal":
            bound = "at least" if "ge" in context else "at most"
            limit = context.get("ge", context.get("le"))
            return f"{named(parameter, error['input'])} must be {bound} {limit}"
        case "int_parsing" | "int_from_float" | "int_type":
            return f"{named(parameter, error['input'])} is not a whole number"
        case _:
            return f"{parameter}: {error['msg']}"


REFUSALS: Mapping[type[Exception], Callable[[Request, Any], Problem]] = {
    Problem: lambda _, problem: problem,
    HTTPException: _http,
    RequestValidationError: _validation,
    ParameterError: lambda _, error: Problem(
        "invalid-parameter",
        f"{error.reason}.",
        [Reason(error.location, error.reason)],
    ),
    AnswerTooLargeError: lambda *_: Problem(
        "answer-too-large",
        "The JSON would be over 8 MiB. Ask for format=npz or safetensors, for encoding=base64, or "
        "for less with layers, channels, steps, units, precision or fewer inputs.",
    ),
    QueueFullError: lambda *_: Problem(
        "busy", "As many rows, or bytes, wait for this program as may.", headers=RETRY_AFTER
    ),
    DeadlineError: lambda request, _: Problem(
        "deadline",
        f"The device was not reached within {request.app.state.settings.deadline_s:g} s.",
    ),
    ClientDisconnect: lambda *_: Problem(
        "request-timeout", "The connection was closed before the request was answered."
    ),
}
