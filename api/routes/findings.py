"""Route of the findings: statements about the networks, and whether measurements support them."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.inference.engine import Engine
from api.inference.served_model import ServedModel
from api.middleware.timeouts import RequestTimeout
from api.openapi import schemas, spec
from api.requests.model_input import ModelInput
from api.responses.context import RequestContext
from api.responses.pipeline import checked_call, run_probe
from api.responses.probe_request import ProbeRequest
from probes import PROBES
from probes.figures.figures import measures
from probes.shared.statements import STATEMENTS

MEASURED_BY = {probe.family: probe for probe in PROBES if probe.name == "findings"}

MEASURED = (
    "supported",
    "architectural",
    "why",
    "value",
    "reference",
    "reference_low",
    "reference_high",
    "references",
)
"""Fields of a finding's entry that are measures of its model's probe `findings`."""


def router() -> APIRouter:
    """Build the route of the findings, `/findings`."""
    routes = APIRouter(tags=["findings"])

    @routes.get(
        "/findings",
        operation_id="findings",
        response_model=schemas.FindingList,
        summary="Six statements about the two shipped networks, measured on the resident weights.",
        responses=spec.answers("findings"),
    )
    async def findings(request: Request) -> Response:
        """Findings: every statement, whether numbers support it, the request that measures it.

        Statements about a network that is not resident are left out.
        """
        engine: Engine = request.app.state.engine
        models = _measurable(engine)
        deadline = time.monotonic() + request.app.state.settings.deadline_s
        key = " ".join(("findings", *(served.version for served in models.values())))
        content = await engine.kept.encoded.result(key, partial(_listed, request, models), deadline)
        return Response(bytes(content), media_type="application/json")

    return routes


async def _listed(request: Request, models: Mapping[str, ServedModel]) -> bytes:
    """Measure the findings about models, and list them as JSON."""
    engine: Engine = request.app.state.engine
    with engine.admit():
        stated = await _all_measured(request, models) if models else {}
    weights = {name: served.model.checkpoint.digest for name, served in models.items()}
    keys = [key for key, one in STATEMENTS.items() if one.model in weights]
    listed = schemas.FindingList(findings=[_entry(weights, key, stated) for key in keys])
    return listed.model_dump_json(by_alias=True).encode()


def _measurable(engine: Engine) -> dict[str, ServedModel]:
    """Models about which statements are measured, by name: resident ones that have the probe."""
    named = dict.fromkeys(one.model for one in STATEMENTS.values())
    found = {name: engine.served[name] for name in named if name in engine.served}
    return {
        name: served
        for name, served in found.items()
        if MEASURED_BY[served.model.architecture.family].unmet(served.model) is None
    }


async def _all_measured(request: Request, models: Mapping[str, ServedModel]) -> dict[str, Any]:
    """Run the probe `findings` of each model for `/findings`; return all measures by name."""
    context = RequestContext.of(request, next(iter(models.values())))
    context.job.is_analysis = True
    stated: dict[str, Any] = {}
    with context.held, RequestTimeout(context.timeout_s) as timeout:
        timeout.body_received(request.receive, context.job.deadline)
        # One run for each model measures all statements about it.
        for served in models.values():
            stated |= await _measured(context._replace(served=served))
    return stated


async def _measured(context: RequestContext) -> dict[str, Any]:
    """Run a model's `findings` probe for `/findings`; return its measures by name."""
    served = context.served
    probe = MEASURED_BY[served.model.architecture.family]
    request = ProbeRequest(served.name, probe, probe.parameters())
    call = checked_call(served, request, ModelInput())
    found, _ = await run_probe(context, request, call)
    figure = await context.engine.compute(probe.figure, found, job=context.job)
    return {one.name: one.value for one in measures(figure)}


def _entry(weights: Mapping[str, str], key: str, stated: Mapping[str, Any]) -> schemas.FindingEntry:
    """Entry of one finding in the response of `/findings`: a statement with its measures.

    Args:
        weights: Digest of the measured weights of each model.
    """
    statement = STATEMENTS[key]
    return schemas.FindingEntry(
        key=key,
        statement=statement.text,
        model=statement.model,
        weights=weights[statement.model],
        least=statement.least,
        unit=statement.unit,
        measured=statement.measured,
        request=statement.request,
        picture=statement.picture,
        **{name: stated[f"{key}.{name}"] for name in MEASURED},
    )
