"""Admission of a request's work: whether it is an analysis, its rows, and its kinds of cost."""

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from api.requests.model_input import ModelInput
from api.responses.context import RequestContext
from api.responses.kept_results import is_kept
from api.responses.negotiation import Format
from api.responses.probe_request import ProbeRequest
from probes.declaration import ProbeCall

MAX_INTERACTIVE_STEPS = 512
"""Most steps of a sequence that are admitted as interactive work: those of one row."""


def is_analysis(inputs: Sequence[ModelInput]) -> bool:
    """Tell whether admitted inputs are several rows, and so wait for interactive jobs."""
    return len(inputs) > 1 or len(inputs[0].row.get("sequence", ())) > MAX_INTERACTIVE_STEPS


def has_known_rows(request: ProbeRequest) -> bool:
    """Tell whether the rows of a request to admit depend on the number of its inputs alone.

    Such a request with several inputs is admitted before they are decoded: a refusal costs
    little, and decoding is part of the work. An analysis has to know its inputs, and sequences
    have rows by their length.
    """
    return request.probe.run is None and request.probe.family == "image"


def check_refused(context: RequestContext, request: ProbeRequest) -> None:
    """Refuse an analysis whose client was refused a moment ago, before its input is read.

    Raises:
        EngineBusyError: The work in front of it takes too long.
    """
    if request.probe.run is None or request.query is None:
        return
    kind = _widest_kind(request, has_rows=not is_kept(context, request))
    context.engine.workload.check_refused(context.job, kind)


def admitted(
    context: RequestContext,
    request: ProbeRequest,
    calls: Sequence[ProbeCall[Any]],
    response_format: Format,
) -> AbstractContextManager[None]:
    """Admit a request, whose inputs are known, if it will be computed in time.

    Raises:
        EngineBusyError: The work in front of it takes too long.
    """
    # A kept result is drawn and encoded only.
    rows = 0 if is_kept(context, request) else sum(_rows(request, call) for call in calls)
    kinds = _kinds(request, rows, response_format)
    return context.engine.workload.admitted(context.job, kinds, max(rows, 1))


def admitted_inputs(
    context: RequestContext, request: ProbeRequest, inputs: int, response_format: Format
) -> AbstractContextManager[None]:
    """Admit a request with known rows before its inputs are decoded.

    One like it that was refused a moment ago refuses it, as with `check_refused`.

    Args:
        inputs: Number of its inputs.

    Raises:
        EngineBusyError: The work in front of it takes too long.
    """
    context.job.is_analysis = inputs > 1
    kinds = _kinds(request, inputs, response_format)
    if context.job.is_analysis:
        context.engine.workload.check_refused(context.job, kinds[0])
    return context.engine.workload.admitted(context.job, kinds, inputs)


def _rows(request: ProbeRequest, call: ProbeCall[Any]) -> int:
    """Return the rows of the programs that an admitted request runs for one input."""
    if request.probe.run is not None:
        return request.probe.rows(call)
    return 1 + len(call.input.row.get("sequence", ())) // MAX_INTERACTIVE_STEPS


def _kinds(request: ProbeRequest, rows: int, response_format: Format) -> Sequence[Hashable]:
    """Return the kinds of an admitted request whose jobs cost alike, the narrowest first."""
    name, scale = _widest_kind(request, has_rows=rows > 0), getattr(request.query, "scale", 1)
    return (
        (request.cost_kind, response_format, scale, rows),
        (*name, response_format, scale, rows.bit_length()),
        name,
    )


def _widest_kind(request: ProbeRequest, *, has_rows: bool) -> tuple[str, str, bool]:
    """Return the widest kind of an admitted request; one that runs no program has its own."""
    return request.model, request.probe.name, has_rows
