"""Routes that describe the models: layers, probes, weights, training."""

from collections.abc import Callable, Hashable
from functools import cache, partial
from typing import Annotated, Any

import jax
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from api.errors.handlers import unknown_model
from api.errors.problem import Problem
from api.inference.engine import Engine
from api.openapi import model_schemas, spec
from api.requests.sequence_body import state_bound
from api.responses.assets import asset_response
from api.responses.documents import Documents
from api.routes.layers import describe_layers
from api.routes.probes import METHODS, query_model, sources_of
from api.routes.route_cache import cache_route
from models.architecture import Architecture
from models.families import core_buckets
from models.registry import ResidentModel
from models.runtime.programs import MATMUL_PRECISION
from probes.applicable import applicable_probes
from probes.declaration import Probe
from probes.shared import choices


def router() -> APIRouter:
    """Build the routes that describe the models: `/models` and `/models/{model}`."""
    routes = APIRouter(tags=["models"])

    @routes.get(
        "/models",
        operation_id="models",
        summary="Every resident model.",
        response_model=model_schemas.ModelList,
        responses=spec.answers("models"),
    )
    async def models(request: Request) -> Response:
        """Every resident model as `/models/{model}` describes it, and those that failed to load."""
        cache_route(request, _listing)
        return await _listing(request)

    @routes.get(
        "/models/{model}",
        operation_id="model",
        summary="One resident model.",
        response_model=model_schemas.ModelEntry,
        responses=spec.answers("model"),
    )
    async def model(request: Request, model: Annotated[str, Path(examples=["cnn"])]) -> Response:
        """One resident model of `/models`: task, input, layers, probes, weights, training."""
        engine: Engine = request.app.state.engine
        if (served := engine.served.get(model)) is None:
            raise unknown_model(model, engine.served)
        described = partial(describe, served.model)
        return await _document(request, f"models/{model}", _state(served.model), described)

    @routes.get(
        "/models/{model}/tour",
        operation_id="tour",
        summary="Tour of one resident model through the page.",
        response_model=model_schemas.TourEntry,
        responses=spec.answers("tour"),
    )
    async def tour(request: Request, model: Annotated[str, Path(examples=["cnn"])]) -> Response:
        """Tour of one resident model: states of the page, each with a sentence and an action."""
        engine: Engine = request.app.state.engine
        if (served := engine.served.get(model)) is None:
            raise unknown_model(model, engine.served)
        described = partial(_described_tour, served.model)
        return await _document(request, f"models/{model}/tour", _state(served.model), described)

    return routes


async def _listing(request: Request) -> Response:
    """Respond with the list of all models."""
    engine: Engine = request.app.state.engine
    failed = (*engine.failed.items(), *engine.refused.items())
    state = tuple(map(_state, engine.models.values())), failed, engine.ready

    def listed() -> model_schemas.ModelList:
        return model_schemas.ModelList(
            models=[describe(model) for model in engine.models.values()],
            failed=[model_schemas.FailedEntry(name=name, reason=reason) for name, reason in failed],
            ready=engine.ready,
        )

    return await _document(request, "models", state, listed)


async def _document(
    request: Request, name: str, state: Hashable, described: Callable[[], BaseModel]
) -> Response:
    """Respond with a document about models, which is kept as long as its state is the same."""

    async def render() -> bytes:
        return described().model_dump_json(by_alias=True).encode()

    documents: Documents = request.app.state.documents
    return asset_response(request, await documents.asset(name, state, render))


def _state(model: ResidentModel) -> Hashable:
    """Return the state of a model on which its description depends."""
    return model.version, model.nbytes, model.ready_s


def _described_tour(model: ResidentModel) -> model_schemas.TourEntry:
    """Describe the tour of a model for `/models/{model}/tour`."""
    if model.tour is None:
        reason = f": {model.tour_error}" if model.tour_error else ""
        raise Problem("unknown-path", f"{model.name} has no tour{reason}.")
    steps = [model_schemas.TourStepEntry(**vars(step)) for step in model.tour.steps]
    return model_schemas.TourEntry(model=model.name, weights=model.checkpoint.digest, steps=steps)


def describe(model: ResidentModel) -> model_schemas.ModelEntry:
    """Describe one resident model for `/models`."""
    architecture = model.architecture
    device = jax.devices()[0]
    return model_schemas.ModelEntry(
        name=model.name,
        title=architecture.declaration.title,
        task=architecture.declaration.task,
        input=architecture.family,
        classes=list(architecture.classes),
        parameters=sum(value.size for value in model.weights.values()),
        weights=model.checkpoint.digest,
        device=f"{device.platform} ({device.device_kind})",
        matmul_precision=MATMUL_PRECISION,
        dtype="float32",
        row_buckets=list(core_buckets(architecture)),
        layers=describe_layers(architecture),
        probes=[_described(model, probe) for probe in applicable_probes(model)],
        checkpoints=list(model.training_checkpoints),
        length_limits=_limits(model, None) if model.length_limits else None,
        checkpoint_limits={name: _limits(model, name) for name in model.length_limits if name},
        training=_training(model),
        details=_input(architecture),
        answer=architecture.declaration.answer,
        removed=architecture.removed,
        shipped=model.is_shipped,
        memory_bytes=model.nbytes,
        ready_s=round(model.ready_s, 3),
        tour=len(model.tour.steps) if model.tour else 0,
        tour_error=model.tour_error,
    )


def _limits(model: ResidentModel, checkpoint: str | None) -> model_schemas.LengthLimitsEntry:
    """Describe the tested and certified length of a model's weights for `/models`."""
    tested, certified = model.length_limits[checkpoint]
    return model_schemas.LengthLimitsEntry(tested_length=tested, certified_length=certified)


def _training(model: ResidentModel) -> dict[str, Any]:
    """Describe the training of a model for `/models`: metadata of its weights file, and rounds."""
    stated = ("metrics", "calibration", "seed", "data", "versions", "tested_length")
    metadata = model.checkpoint.metadata
    return {**{key: metadata[key] for key in stated if key in metadata}, **_rounds(model)}


def _rounds(model: ResidentModel) -> dict[str, Any]:
    """Describe the rounds of a model's training for `/models`; empty without a report of them.

    `rounds` is their number, `checkpoints` the metrics after the round of each training checkpoint.
    """
    listed = model.report.get("rounds")
    rounds = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    metrics = {
        f"round-{one.get('round')}": {
            key: value for key, value in one.items() if isinstance(value, float)
        }
        for one in rounds
    }
    named = {name: metrics[name] for name in model.training_checkpoints if name in metrics}
    return {"rounds": len(rounds), "checkpoints": named} if rounds else {}


def _input(architecture: Architecture) -> model_schemas.InputEntry:
    """Describe the input of a network for `/models`: its size and preparation, or its steps."""
    if architecture.family == "image":
        image = architecture.image
        return model_schemas.InputEntry(
            height=image.height,
            width=image.width,
            channels=image.channels,
            mean=list(image.mean),
            std=list(image.std),
            prepare=image.prepare,
        )
    sequence = architecture.sequence
    return model_schemas.InputEntry(
        alphabet=list(sequence.alphabet) if sequence.alphabet else None,
        encoding=sequence.encoding,
        features=None if sequence.alphabet else sequence.features,
        states=[
            model_schemas.StateEntry(
                name=state.name,
                final=state.final,
                units=state.units,
                bound=state_bound(architecture, state),
            )
            for state in architecture.states
        ],
    )


def _described(model: ResidentModel, probe: Probe) -> model_schemas.ProbeEntry:
    """Describe one probe of a model for `/models`, with the values that its records allow."""
    return _probe(model.name, probe, model.architecture, frozenset(model.artifacts))


@cache
def _probe(
    model: str, probe: Probe, architecture: Architecture, records: frozenset[str]
) -> model_schemas.ProbeEntry:
    """Describe one probe of a model for `/models`: path, methods, JSON schema of the query."""
    ways = sources_of(probe, architecture)
    query = query_model(probe, ways[0], picture=False)
    parameters = query.model_json_schema()
    choices.describe(query, parameters, architecture)
    choices.without_records(query, parameters, records)
    return model_schemas.ProbeEntry(
        name=probe.name,
        path=f"/{model}/{probe.name}",
        methods=[METHODS[way] for way in ways],
        title=probe.title,
        parameters=parameters,
    )
