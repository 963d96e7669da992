"""Routes that describe the models: layers, probes, weights, training."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import jax
import numpy as np
from fastapi import APIRouter, Path, Request

from api.errors.handlers import unknown_model
from api.inference.engine import Engine
from api.openapi import schemas, spec
from api.routes.probes import METHODS, probes_of, query_model, sources
from models.architecture import Architecture
from models.registry import ResidentModel
from models.rnn.unit_statistics import STATES
from models.runtime.programs import MATMUL_PRECISION, row_buckets
from models.simple_networks import LAYERS, ReceptiveField
from probes.declaration import Probe
from probes.rnn.gates import KINDS
from probes.shared import choices


def router() -> APIRouter:
    """Build the routes that describe the models: `/models` and `/models/{model}`."""
    routes = APIRouter(tags=["models"])

    @routes.get(
        "/models",
        operation_id="models",
        summary="Every resident model.",
        responses=spec.answers("models"),
    )
    async def models(request: Request) -> schemas.ModelList:
        """Every resident model, each as `/models/{model}` describes it."""
        engine: Engine = request.app.state.engine
        return schemas.ModelList(models=[describe(model) for model in engine.models.values()])

    @routes.get(
        "/models/{model}",
        operation_id="model",
        summary="One resident model.",
        responses=spec.answers("model"),
    )
    async def model(
        request: Request, model: Annotated[str, Path(examples=["cnn"])]
    ) -> schemas.ModelEntry:
        """One resident model of `/models`: task, input, layers, probes, weights, training."""
        engine: Engine = request.app.state.engine
        if model not in engine.models:
            raise unknown_model(model, engine.models)
        return describe(engine.models[model])

    return routes


def describe(model: ResidentModel) -> schemas.ModelEntry:
    """Describe one resident model for `/models`."""
    architecture = model.architecture
    device = jax.devices()[0]
    return schemas.ModelEntry(
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
        row_buckets=list(row_buckets(architecture.family)),
        layers=_layers(model),
        probes=[_probe(model.name, probe, architecture) for probe in probes_of(model)],
        checkpoints=list(model.training_checkpoints),
        length_limits=_limits(model, None) if model.length_limits else None,
        checkpoint_limits={name: _limits(model, name) for name in model.length_limits if name},
        training=_training(model),
    )


def _limits(model: ResidentModel, checkpoint: str | None) -> schemas.LengthLimitsEntry:
    """Describe the tested and certified length of a model's weights for `/models`."""
    tested, certified = model.length_limits[checkpoint]
    return schemas.LengthLimitsEntry(tested_length=tested, certified_length=certified)


def _training(model: ResidentModel) -> dict[str, Any]:
    """Describe the training of a model for `/models`: metadata of its weights file."""
    stated = ("metrics", "calibration", "seed", "data", "versions", "tested_length")
    return {
        key: model.checkpoint.metadata[key] for key in stated if key in model.checkpoint.metadata
    }


def _layers(model: ResidentModel) -> list[schemas.LayerEntry]:
    """Describe the layers of a model for `/models`: axes, shape, parameters, receptive field."""
    if model.architecture.family == "image":
        return [_cnn_layer(name, model.weights) for name in LAYERS]
    units, sizes = model.architecture.states[0].units, _sizes(model.weights)
    recurrent = [
        schemas.LayerEntry(
            name=name,
            kind=kind,
            axes=["step", "unit"],
            shape=[None, units],
            # The four gates share one layer of parameters; a state has none.
            parameters=sizes["cell"] // 4 if name not in STATES else 0,
            receptive_field=None,
        )
        for name, kind in KINDS.items()
    ]
    readout = schemas.LayerEntry(
        name="logits",
        kind="logits",
        axes=["step", "label"],
        shape=[None, len(model.architecture.classes)],
        parameters=sizes["readout"],
        receptive_field=None,
    )
    return [*recurrent, readout]


def _cnn_layer(name: str, weights: Mapping[str, np.ndarray]) -> schemas.LayerEntry:
    layer = LAYERS[name]
    *sides, channels = layer.shape
    # Its ReLU and pooling would count the parameters of a layer again.
    own = layer.kind in {"pre_activation", "logits"}
    return schemas.LayerEntry(
        name=name,
        kind=layer.kind,
        axes=["channel", "y", "x"][: len(layer.shape)],
        shape=[channels, *sides],
        parameters=_sizes(weights)[layer.parameters] if own else 0,
        receptive_field=_field(layer.receptive_field) if layer.receptive_field else None,
    )


def _field(field: ReceptiveField) -> schemas.ReceptiveFieldEntry:
    return schemas.ReceptiveFieldEntry(size=field.size, stride=field.jump, offset=field.before)


def _sizes(weights: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Count the parameters of each module of a model for `/models`."""
    sizes: dict[str, int] = {}
    for name, value in weights.items():
        module = name.partition(".")[0]
        sizes[module] = sizes.get(module, 0) + value.size
    return sizes


@cache
def _probe(model: str, probe: Probe, architecture: Architecture) -> schemas.ProbeEntry:
    """Describe one probe of a model for `/models`: path, methods, JSON schema of the query."""
    ways = sources(probe)
    query = query_model(probe, ways[0], picture=False)
    parameters = query.model_json_schema()
    choices.describe(query, parameters, architecture)
    return schemas.ProbeEntry(
        name=probe.name,
        path=f"/{model}/{probe.name}",
        methods=[METHODS[way] for way in ways],
        title=probe.title,
        parameters=parameters,
    )
