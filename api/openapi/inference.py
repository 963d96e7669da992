"""Open Inference Protocol in the OpenAPI document: schemas, examples, bodies and responses."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from api.openapi.schemas import Json, ProblemAnswer, Schema

TAG = "open-inference"

BINARY = {"type": "string", "format": "binary"}


class Live(Schema):
    """Schema of the server's liveness."""

    live: bool


class Ready(Schema):
    """Schema of the server's readiness."""

    ready: bool


class ModelReady(Schema):
    """Schema of a model's readiness."""

    name: str
    ready: bool


class ServerMetadata(Schema):
    """Schema of the server's description."""

    name: str
    version: str
    extensions: list[str] = Field(description="Extensions of the protocol, by Triton's names.")


class TensorMetadata(Schema):
    """Schema of an input or an output of a model."""

    name: str
    datatype: str = Field(description="`UINT8`, `FP32` or `INT64`.")
    shape: list[int] = Field(
        description="Axis of rows first; -1 for rows, and for steps of a sequence."
    )


class ModelMetadata(Schema):
    """Schema of a model's description."""

    name: str
    versions: list[str] = Field(description="`1`, which is what is resident.")
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata] = Field(
        description="Values of the trace, and those of a prediction; a request names those that it "
        "wants."
    )


class TensorConfig(Schema):
    """Schema of an input or an output in a model's configuration."""

    name: str
    data_type: str
    dims: list[int] = Field(description="Shape of one row.")
    reshape: dict[str, list[int]] | None = None
    optional: bool | None = None


class ModelConfig(Schema):
    """Schema of a model's configuration, with the names of Triton's."""

    name: str
    platform: str
    backend: str
    version_policy: Json
    max_batch_size: int = Field(description="Most rows of a request.")
    input: list[TensorConfig]
    output: list[TensorConfig]
    dynamic_batching: Json = Field(description="Rows of the batches that are compiled.")


class Duration(Schema):
    """Schema of a duration in a model's statistics."""

    count: int
    ns: int = Field(description="Nanoseconds of all together.")


class ModelStatistics(Schema):
    """Schema of the statistics of a model, with the names of Triton's."""

    name: str
    version: str
    inference_count: int = Field(description="Rows run.")
    execution_count: int = Field(description="Batches run.")
    inference_stats: dict[str, Duration]
    batch_stats: list[Json]
    memory_usage: list[Json]


class StatisticsList(Schema):
    """Schema of the statistics of models."""

    model_stats: list[ModelStatistics]


class ModelState(Schema):
    """Schema of a model in the index of the repository."""

    name: str
    version: str
    state: str = Field(description="`READY` or `UNAVAILABLE`.")
    reason: str | None = None


class OutputTensor(Schema):
    """Schema of an output in an answer."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Json | None = Field(
        None, description="`binary_data_size`, the bytes of a binary output behind the JSON."
    )
    data: list[Any] | None = Field(None, description="Values in row-major order.")


class InferenceResponse(Schema):
    """Schema of the answer to a request of the Open Inference Protocol."""

    model_name: str
    model_version: str
    id: str | None = Field(None, description="`id` of the request.")
    parameters: Json = Field(description="`weights`: SHA-256 of the weights.")
    outputs: list[OutputTensor]


class InferenceProblem(ProblemAnswer):
    """Schema of an error of the Open Inference Protocol: a problem whose `detail` is `error`."""

    error: str


class InputTensor(Schema):
    """Schema of an input in a request."""

    name: str
    shape: list[int] = Field(description="1 to 64 rows, then the shape of a row.")
    datatype: str
    parameters: Json | None = Field(
        None, description="`binary_data_size`, the bytes of a binary input behind the JSON."
    )
    data: list[Any] | None = Field(
        None, description="Numbers in row-major order, in one list or nested."
    )


class OutputRequest(Schema):
    """Schema of an output that a request names."""

    name: str
    parameters: Json | None = Field(
        None,
        description="`binary_data`: whether its values are bytes behind the JSON. "
        "`classification`: number of the likeliest classes to return, as `value:index:class`.",
    )


class InferenceRequest(Schema):
    """Request of the Open Inference Protocol."""

    id: str | None = Field(None, description="Text that the answer repeats.")
    parameters: Json | None = Field(
        None, description="`binary_data_output`: whether outputs are binary by default."
    )
    inputs: list[InputTensor]
    outputs: list[OutputRequest] | None = Field(
        None, description="Those of a prediction where left out."
    )


_LOGITS = {"name": "logits", "datatype": "FP32", "shape": [-1, 2]}
_DURATION = {"count": 12, "ns": 3_400_000}
_STATISTICS = {
    "name": "lstm",
    "version": "1",
    "inference_count": 12,
    "execution_count": 9,
    "inference_stats": {"success": _DURATION, "queue": _DURATION},
    "batch_stats": [],
    "memory_usage": [],
}
EXAMPLES: dict[str, tuple[type[Schema] | Any, Any]] = {
    "v2_live": (Live, {"live": True}),
    "v2_ready": (Ready, {"ready": True}),
    "v2_server": (
        ServerMetadata,
        {"name": "lightwell", "version": "1.0.0", "extensions": ["binary_tensor_data"]},
    ),
    "v2_model": (
        ModelMetadata,
        {
            "name": "lstm",
            "versions": ["1"],
            "platform": "jax",
            "inputs": [{"name": "sequence", "datatype": "UINT8", "shape": [-1, -1]}],
            "outputs": [_LOGITS],
        },
    ),
    "v2_model_ready": (ModelReady, {"name": "lstm", "ready": True}),
    "v2_config": (
        ModelConfig,
        {
            "name": "lstm",
            "platform": "jax",
            "backend": "lightwell",
            "version_policy": {"latest": {"num_versions": 1}},
            "max_batch_size": 64,
            "input": [{"name": "sequence", "data_type": "TYPE_UINT8", "dims": [-1]}],
            "output": [{"name": "logits", "data_type": "TYPE_FP32", "dims": [2]}],
            "dynamic_batching": {"preferred_batch_size": [1, 4, 16]},
        },
    ),
    "v2_stats": (StatisticsList, {"model_stats": [_STATISTICS]}),
    "v2_all_stats": (StatisticsList, {"model_stats": [_STATISTICS]}),
    "v2_index": (list[ModelState], [{"name": "lstm", "version": "1", "state": "READY"}]),
    "v2_infer": (
        InferenceResponse,
        {
            "model_name": "lstm",
            "model_version": "1",
            "parameters": {"weights": "9f86d081…"},
            "outputs": [
                {"name": "logits", "shape": [1, 2], "datatype": "FP32", "data": [-3.1, 3.1]}
            ],
        },
    ),
}
"""Schema and example of the answer of each operation of the protocol."""

_REQUEST = {
    "inputs": [{"name": "sequence", "shape": [1, 5], "datatype": "UINT8", "data": [1, 0, 1, 1, 0]}],
    "outputs": [{"name": "logits"}],
}
_BODY: Json = {
    "requestBody": {
        "required": True,
        "description": "JSON; or JSON and the bytes of binary inputs, little-endian and in "
        "row-major order, with the header `Inference-Header-Content-Length`, the bytes of the "
        "JSON. The Content-Type is not read. `Content-Encoding` may be `gzip` or `deflate`.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/InferenceRequest"},
                "examples": {"sequence": {"value": _REQUEST}},
            },
            "application/octet-stream": {"schema": BINARY},
        },
    }
}

_INDEX_BODY: Json = {
    "requestBody": {
        "required": False,
        "description": "JSON, or nothing for all models. The Content-Type is not read.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "ready": {
                            "type": "boolean",
                            "default": False,
                            "description": "Whether models alone that are ready are listed.",
                        }
                    },
                    "additionalProperties": False,
                },
                "examples": {"ready": {"value": {"ready": True}}},
            },
        },
    }
}

BODIES: Mapping[str, Json] = {"v2_infer": _BODY, "v2_index": _INDEX_BODY}
"""OpenAPI `requestBody` of each operation of the protocol that has one."""


def responses(operation: str) -> dict[int | str, Json]:
    """Return the OpenAPI `responses` of an operation of the Open Inference Protocol."""
    model, example = EXAMPLES[operation]
    content: Json = {"application/json": {"example": example}}
    if operation == "v2_infer":
        content["application/octet-stream"] = {"schema": BINARY}
    described = {"description": "The answer.", "model": model, "content": content}
    schema = {"$ref": "#/components/schemas/InferenceProblem"}
    problem = {"application/json": {"schema": schema, "example": {"error": "…"}}}
    return {
        200: described,
        "4XX": {"description": "The request is not valid; `error` says why.", "content": problem},
        "5XX": {"description": "The server is busy or failed.", "content": problem},
    }
