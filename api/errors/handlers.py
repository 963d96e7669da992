"""Exception handlers: the table `PROBLEM_OF` from exceptions to problem responses."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.errors.parameters import parameter_problem
from api.errors.problem import (
    INFERENCE,
    Problem,
    Reason,
    bug_response,
    name_value,
    problem_response,
)
from api.inference.errors import (
    CompilationDeadlineError,
    DeadlineError,
    DeviceHungError,
    DeviceMemoryError,
    EngineBusyError,
    EngineClosedError,
    EngineNotReadyError,
    ModelLeftOutError,
)
from api.inference.memory_budget import RequestTooLargeError
from models.registry import ResidentModel
from probes import PROBES
from probes.declaration import ParameterError, Probe
from probes.output.encode import AnswerTooLargeError

UNKNOWN_PATH = "There is nothing at this path; /docs lists what there is."

RETRY_AFTER: Mapping[str, str] = {"Retry-After": "1"}


def install(app: FastAPI) -> None:
    """Register an application's exception handlers: one for each in `PROBLEM_OF`, one for bugs."""
    for exception in PROBLEM_OF:
        app.add_exception_handler(exception, _handle)
    app.add_exception_handler(Exception, _handle_bug)


# Asynchronous, since a function would run in a thread of its own.
async def _handle(request: Request, error: Exception) -> Response:
    """Handle an exception, as Starlette calls handlers."""
    return handle_exception(request, error)


def handle_exception(request: Request, error: Exception) -> Response:
    """Handle an exception: answer with the problem that `PROBLEM_OF` has for it.

    Raises:
        Exception: `error` itself where the table does not have it: a bug.
    """
    found = next((PROBLEM_OF[one] for one in type(error).__mro__ if one in PROBLEM_OF), None)
    if found is None:
        raise error
    return problem_response(found(request, error), request.state.request_id, request.scope)


async def _handle_bug(request: Request, _: Exception) -> Response:
    """Handle an exception without a problem of its own, a bug: answer with a 500."""
    # An exception of another application's middleware can come before the request has an ID.
    request_id = getattr(request.state, "request_id", "") or str(uuid.uuid4())
    return bug_response(request_id, request.scope)


def _http_problem(request: Request, error: HTTPException) -> Problem:
    """Handle an HTTP exception of the router: translate its status to a problem."""
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            return _unknown_path(request)
        case 405:
            allowed = headers.get("Allow") or headers.get("allow", "")
            return Problem("method-not-allowed", f"This path takes {allowed}.", headers=headers)
        case 413:
            return Problem("body-too-large", "The body is too large.", headers=headers)
        case _:
            return Problem("invalid-request", "The request cannot be read.", headers=headers)


def _unknown_path(request: Request) -> Problem:
    """Handle a 404: where the path looks like a probe's, list the probes or models that exist."""
    model, _, probe = request.url.path.strip("/").partition("/")
    models: Mapping[str, ResidentModel] = request.app.state.engine.models
    if model == INFERENCE.strip("/"):
        return Problem("unknown-path", UNKNOWN_PATH)
    if probe and model in models:
        family = models[model].architecture.family
        known = [one for one in PROBES if one.family == family]
        return _unknown_probe(models[model], probe.partition(".")[0], known)
    if probe:
        return unknown_model(model, models)
    return Problem("unknown-path", UNKNOWN_PATH)


def _unknown_probe(model: ResidentModel, name: str, known: list[Probe]) -> Problem:
    """Handle the name of a probe that a model does not have: return why, or those it has."""
    listed = ", ".join(one.name for one in known if one.unmet(model) is None)
    for probe in known:
        if probe.name == name and (need := probe.unmet(model)) is not None:
            detail = f"{model.name} has no {name}: {need.reason} It has {listed}."
            return Problem("unknown-path", detail)
    return Problem("unknown-path", f"{name_value('probe', name)} is not one of {listed}.")


def unknown_model(name: str, models: Iterable[str]) -> Problem:
    """Handle the name of a model that is not resident: return its problem."""
    known = ", ".join(models)
    return Problem("unknown-model", f"{name_value('model', name)} is not one of {known}.")


PROBLEM_OF: Mapping[type[Exception], Callable[[Request, Any], Problem]] = {
    Problem: lambda _, problem: problem,
    HTTPException: _http_problem,
    RequestValidationError: lambda _, error: parameter_problem(error),
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
    EngineBusyError: lambda _, error: Problem(
        "busy", str(error), headers={"Retry-After": str(ceil(error.retry_after_s))}
    ),
    DeviceMemoryError: lambda _, error: Problem("device", str(error), headers=RETRY_AFTER),
    DeviceHungError: lambda _, error: Problem("device", str(error), headers=RETRY_AFTER),
    RequestTooLargeError: lambda _, error: Problem(
        "body-too-large" if error.is_body else "answer-too-large",
        f"This request would hold {error.nbytes} bytes of memory; all requests together may hold "
        f"{error.capacity}. Send fewer or smaller inputs, ask for less with layers, channels, "
        "steps or units, or start the server with a larger LIGHTWELL_MEMORY.",
        headers={"Connection": "close"} if error.is_body else None,
    ),
    EngineClosedError: lambda _, error: Problem("draining", str(error), headers=RETRY_AFTER),
    ModelLeftOutError: lambda _, error: Problem("unknown-model", f"{error}."),
    EngineNotReadyError: lambda _, error: Problem("warming", str(error), headers=RETRY_AFTER),
    DeadlineError: lambda request, _: Problem(
        "deadline",
        f"The request was not computed within {request.app.state.settings.deadline_s:g} s.",
    ),
    CompilationDeadlineError: lambda _, error: Problem(
        "deadline",
        f"{error} This analysis is compiled when it is first asked for: send the request again.",
        headers=RETRY_AFTER,
    ),
    # No client is left to read this response: its status is for the access log.
    ClientDisconnect: lambda *_: Problem(
        "request-timeout", "The connection was closed before the request was answered."
    ),
}
