"""Descriptions for clients of the Open Inference Protocol: server, models, configuration."""

from collections.abc import Iterable
from typing import Any

from api import VERSION
from api.inference.engine import Engine
from api.open_inference.answer import VERSION as MODEL_VERSION
from api.open_inference.signature import TensorSpec, signature_of
from api.requests.declared_body import MAX_INPUTS
from models.registry import ResidentModel

PLATFORM = "jax"

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
)
"""Extensions of the protocol that the server describes, by Triton's names."""


def server_metadata() -> dict[str, Any]:
    """Describe the server for `/v2`."""
    return {"name": "lightwell", "version": VERSION, "extensions": list(EXTENSIONS)}


def model_metadata(model: ResidentModel) -> dict[str, Any]:
    """Describe a model for `/v2/models/{model}`: its inputs and outputs with their shapes."""
    signature = signature_of(model)
    return {
        "name": model.name,
        "versions": [MODEL_VERSION],
        "platform": PLATFORM,
        "inputs": _described(signature.inputs.values()),
        "outputs": _described(signature.outputs.values()),
    }


def _described(tensors: Iterable[TensorSpec]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "datatype": one.datatype, "shape": one.batch_shape} for one in tensors
    ]


def model_config(model: ResidentModel) -> dict[str, Any]:
    """Describe a model for `/v2/models/{model}/config`, as Triton's ModelConfig is in JSON."""
    signature = signature_of(model)
    buckets = list(model.buckets(model.declared[0]))
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "lightwell",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": MAX_INPUTS,
        "input": [
            {**_configured(one), "optional": one.is_optional} for one in signature.inputs.values()
        ],
        "output": [_configured(one) for one in signature.outputs.values()],
        "dynamic_batching": {"preferred_batch_size": buckets},
    }


def _configured(tensor: TensorSpec) -> dict[str, Any]:
    """Describe a tensor in a model's configuration; a value of each row has one axis of 1."""
    entry: dict[str, Any] = {"name": tensor.name, "data_type": f"TYPE_{tensor.datatype}"}
    if tensor.shape:
        return {**entry, "dims": list(tensor.shape)}
    return {**entry, "dims": [1], "reshape": {"shape": []}}


def repository_index(engine: Engine, *, is_ready_only: bool) -> list[dict[str, str]]:
    """List the models for `/v2/repository/index`: those that are served, and those that failed.

    Args:
        is_ready_only: Whether models that are not ready are left out.
    """
    ready = "READY" if engine.ready else "UNAVAILABLE"
    listed = [
        *({"name": name, "version": MODEL_VERSION, "state": ready} for name in engine.served),
        *(
            {"name": name, "version": MODEL_VERSION, "state": "UNAVAILABLE", "reason": reason}
            for name, reason in engine.failed.items()
        ),
    ]
    return [one for one in listed if one["state"] == "READY" or not is_ready_only]
