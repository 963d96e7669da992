"""Plan of a run of scripts.activations: all that its results depend on, and their tensors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import jax

from models.registry import ResidentModel
from probes.shared.choices import shown
from scripts.activations.inputs import Inputs
from scripts.activations.reductions import REDUCTIONS
from scripts.activations.tensor_plan import LABEL, LENGTH, TensorPlan

FORMAT = 1
"""Version of the index of scripts.activations."""

ALL = "all"


class PlanError(ValueError):
    """A layer, a reduction, a bucket or a checkpoint that scripts.activations cannot take."""


@dataclass(frozen=True)
class PlanOptions:
    """Options of scripts.activations on which results depend.

    Attributes:
        layers: Values of the trace, or `all`; empty for those that the server shows by default.
        reduce: Reductions over the positions of maps, or the steps of sequences; none keeps all.
        bucket: Batch size; None for the largest of the network.
        checkpoint: Training checkpoint; None for the served weights.
        shard_bytes: Most bytes of a shard, at least one batch of rows.
        storage: Format of the shards.
        source: The data set, as in `--data`.
    """

    layers: Sequence[str] = ()
    reduce: Sequence[str] = ()
    bucket: int | None = None
    checkpoint: str | None = None
    shard_bytes: int = 2**28
    storage: str = "safetensors"
    source: str = ""


@dataclass(frozen=True)
class Plan:
    """Plan of a run of scripts.activations, whose facts the index states.

    Attributes:
        facts: JSON values by name; a run continues another one only with equal facts.
        tensors: Tensors of every shard by name.
        rows: Rows of the data set.
        shard_rows: Rows of a shard; the last one may have fewer.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, TensorPlan]
    rows: int
    shard_rows: int

    @property
    def shards(self) -> int:
        """Number of shards of scripts.activations."""
        return -(-self.rows // self.shard_rows)

    def span(self, shard: int) -> tuple[int, int]:
        """Return the first row of a shard of scripts.activations, and that after its last."""
        start = shard * self.shard_rows
        return start, min(start + self.shard_rows, self.rows)

    @property
    def layers(self) -> frozenset[str]:
        """Values of the trace that a shard of scripts.activations needs."""
        return frozenset(one.layer for one in self.tensors.values() if one.layer)


def make_plan(model: ResidentModel, inputs: Inputs, options: PlanOptions) -> Plan:
    """Plan a run of scripts.activations.

    Raises:
        PlanError: The network has no such layer, bucket or checkpoint, or a reduction is unknown.
    """
    if options.checkpoint is not None and options.checkpoint not in model.training_checkpoints:
        raise PlanError(_unknown("checkpoint", options.checkpoint, model.training_checkpoints))
    program = model.declared[-1]
    buckets = model.buckets(program)
    bucket = buckets[-1] if options.bucket is None else options.bucket
    if bucket not in buckets:
        raise PlanError(_unknown("bucket", bucket, buckets))
    layers = _layers(model, options.layers)
    tensors = _tensors(model, layers, options.reduce, inputs)
    row_bytes = sum(one.row_bytes for one in tensors.values())
    batches = max(1, options.shard_bytes // (bucket * row_bytes))
    facts = {
        "format": FORMAT,
        "model": model.name,
        "weights": model.digest(options.checkpoint),
        "declaration": model.architecture.declaration.digest,
        "checkpoint": options.checkpoint,
        "program": "trace",
        "bucket": bucket,
        "device": jax.devices()[0].device_kind,
        "versions": {name: version(name) for name in ("jax", "jaxlib")},
        "data": {"source": options.source, "digest": inputs.digest, **inputs.facts},
        "storage": options.storage,
        "tensors": {name: _described(one) for name, one in tensors.items()},
        "rows": inputs.count,
        "shard_rows": batches * bucket,
    }
    return Plan(facts, tensors, inputs.count, batches * bucket)


def _described(tensor: TensorPlan) -> dict[str, Any]:
    """Return the entry of a tensor in the index of scripts.activations."""
    found = asdict(tensor)
    return {**found, "axes": list(tensor.axes), "shape": list(tensor.shape)}


def _layers(model: ResidentModel, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the values of the trace that a run of scripts.activations keeps."""
    known = model.architecture.layers
    for name in chosen:
        if name != ALL and name not in known:
            raise PlanError(_unknown("layer", name, (*known, ALL)))
    if ALL in chosen:
        return tuple(known)
    default = shown(model.architecture) if model.architecture.family == "image" else known
    return tuple(dict.fromkeys(chosen)) or tuple(default)


def _tensors(
    model: ResidentModel, layers: Sequence[str], reduce: Sequence[str], inputs: Inputs
) -> dict[str, TensorPlan]:
    """Return the tensors of a run of scripts.activations by name, labels and lengths first."""
    is_image = model.architecture.family == "image"
    first = "image" if is_image else "sequence"
    choices = [name for name, one in REDUCTIONS.items() if not is_image or not one.steps_only]
    for name in reduce:
        if name not in choices:
            raise PlanError(_unknown("reduction", name, choices))
    found = {}
    if inputs.labels is not None:
        found[LABEL] = TensorPlan("", "label", None, (first,), (), "int64")
    if inputs.lengths is not None:
        found[LENGTH] = TensorPlan("", "length", None, (first,), (), "int32")
    steps = 0 if inputs.lengths is None else int(inputs.lengths.max())
    for name in layers:
        whole = _image_tensor(model, name) if is_image else _sequence_tensor(model, name, steps)
        if not reduce or len(whole.shape) == 1:
            found[name] = whole
            continue
        # Of maps the channels stay, of sequences the units.
        kept = slice(1) if is_image else slice(1, None)
        axes, shape = (first, *whole.axes[1:][kept]), whole.shape[kept]
        found |= {
            f"{name}.{how}": TensorPlan(name, whole.kind, how, axes, shape)
            for how in dict.fromkeys(reduce)
        }
    return found


def _image_tensor(model: ResidentModel, name: str) -> TensorPlan:
    """Return the tensor of one layer of images in scripts.activations, channel first."""
    layer = model.architecture.layers[name]
    *sides, channels = layer.shape
    axes = ("image", "channel", "y", "x")[: 2 + len(sides)]
    return TensorPlan(name, layer.kind, None, axes, (channels, *sides))


def _sequence_tensor(model: ResidentModel, name: str, steps: int) -> TensorPlan:
    """Return the tensor of one value of sequences in scripts.activations, padded to the longest."""
    layer = model.architecture.layers[name]
    states = {one.name for one in model.architecture.states}
    # States begin with step 0, the initial one.
    count = steps + 1 if name in states else steps
    axes = ("sequence", "step", "unit", *(f"axis{i}" for i in range(2, 1 + len(layer.shape))))
    return TensorPlan(name, layer.kind, None, axes[: 2 + len(layer.shape)], (count, *layer.shape))


def _unknown(kind: str, name: object, known: Iterable[object]) -> str:
    listed = ", ".join(map(str, known))
    return f"{kind} '{name}' is not one of {listed}" if listed else f"there is no {kind} '{name}'"
