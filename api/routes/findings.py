"""Route of the findings: statements about the networks, and whether measurements support them."""

from typing import Any

from fastapi import APIRouter, Request

from api.inference.engine import Engine
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
        summary="Six statements about the two shipped networks, measured on the resident weights.",
        responses=spec.answers("findings"),
    )
    async def findings(request: Request) -> schemas.FindingList:
        """Findings: every statement, whether numbers support it, the request that measures it.

        Statements about a network that is not resident are left out.
        """
        context = RequestContext.of(request)
        engine = context.engine
        stated: dict[str, Any] = {}
        context.job.is_analysis = True
        with engine.admit(), RequestTimeout(context.timeout_s) as timeout:
            timeout.body_received(request.receive, context.job.deadline)
            # One run for each model measures all statements about it.
            for model in dict.fromkeys(one.model for one in STATEMENTS.values()):
                if _applies(engine, model):
                    stated |= await _measured(context, model)
        listed = [key for key, one in STATEMENTS.items() if _applies(engine, one.model)]
        return schemas.FindingList(findings=[_entry(engine, key, stated) for key in listed])

    return routes


def _applies(engine: Engine, name: str) -> bool:
    """Tell whether statements about a model are measured: it is resident, and has the probe."""
    model = engine.models.get(name)
    return model is not None and MEASURED_BY[model.architecture.family].unmet(model) is None


async def _measured(context: RequestContext, model: str) -> dict[str, Any]:
    """Run a model's `findings` probe for `/findings`; return its measures by name."""
    probe = MEASURED_BY[context.engine.models[model].architecture.family]
    request = ProbeRequest(model, probe, probe.parameters())
    call = checked_call(context.engine, request, ModelInput())
    found, _ = await run_probe(context, request, call)
    figure = await context.engine.compute(probe.figure, found, job=context.job)
    return {one.name: one.value for one in measures(figure)}


def _entry(engine: Engine, key: str, stated: dict[str, Any]) -> schemas.FindingEntry:
    """Entry of one finding in the response of `/findings`: a statement with its measures."""
    statement = STATEMENTS[key]
    return schemas.FindingEntry(
        key=key,
        statement=statement.text,
        model=statement.model,
        weights=engine.models[statement.model].checkpoint.digest,
        least=statement.least,
        unit=statement.unit,
        measured=statement.measured,
        request=statement.request,
        picture=statement.picture,
        **{name: stated[f"{key}.{name}"] for name in MEASURED},
    )
