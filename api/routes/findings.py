"""What is said of the two networks, each statement with the number that bears it out or not."""

import time
from typing import Any

from fastapi import APIRouter, Request

from api.inference.engine import Engine
from api.openapi import schemas, spec
from api.requests.inputs import ModelInput
from api.responses.pipeline import ProbeRequest, see
from probes import PROBES
from probes.declaration import Probe
from probes.figures.figures import measures
from probes.shared.statements import STATEMENTS

MEASURED_BY = {probe.model: probe for probe in PROBES if probe.name == "findings"}


def router() -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["findings"])

    @routes.get(
        "/findings",
        operation_id="findings",
        summary="Six statements about the two networks, measured on the resident weights.",
        responses=spec.answers("findings"),
    )
    async def findings(request: Request) -> schemas.FindingList:
        """Every statement, whether the numbers support it, and the request that measures it."""
        engine: Engine = request.app.state.engine
        deadline = time.monotonic() + request.app.state.settings.deadline_s
        with engine.admit():
            stated: dict[str, Any] = {}
            for probe in MEASURED_BY.values():
                stated |= await _measured(engine, probe, deadline)
        entries = [_entry(engine, key, stated) for key in STATEMENTS]
        return schemas.FindingList(findings=entries)

    return routes


async def _measured(engine: Engine, probe: Probe, deadline: float) -> dict[str, Any]:
    """Ask a model for all its findings, and return what they state by name."""
    query = probe.parameters()
    seen, _ = await see(engine, ProbeRequest(probe, query, "json"), ModelInput(), deadline)
    figure = await engine.compute(probe.figure, seen, query)
    return {one.name: one.value for one in measures(figure)}


def _entry(engine: Engine, key: str, stated: dict[str, Any]) -> schemas.FindingEntry:
    """Put a statement and what was measured together."""
    statement = STATEMENTS[key]
    return schemas.FindingEntry(
        key=key,
        statement=statement.text,
        model=statement.model,
        weights=engine.models[statement.model].checkpoint.digest,
        supported=stated[f"{key}.supported"],
        value=stated[f"{key}.value"],
        least=statement.least,
        reference=stated[f"{key}.reference"],
        unit=statement.unit,
        measured=statement.measured,
        request=statement.request,
        picture=statement.picture,
    )
