"""Records of an image network over the test set: checks of the artifacts `units` and `layers`.

Probes read their tensors by name and by index. So a record of other origin is checked when it is
loaded: names, shapes, kinds of numbers, and that each index is one of the test images.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.data import test_images
from models.data.mnist import HEIGHT, WIDTH
from models.data.test_images import SelectedImages
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors

MAX_LENGTH = 4096
"""Longest axis of a record whose length the network does not determine."""


MAX_COMPONENTS = 16
"""Most principal axes of the embedding in the record `layers`."""


class _Wanted(NamedTuple):
    """Tensor of a record: kinds of its numbers, shape, and limits of its values.

    Attributes:
        kinds: Letters of NumPy's kinds.
        shape: Lengths of its axes; a letter is any length, the same for each axis of that letter.
        undefined: Whether a value may be NaN, such as the similarity of a constant layer.
    """

    kinds: str
    shape: tuple[int | str, ...]
    low: float = -np.inf
    high: float = np.inf
    undefined: bool = False


def check_record(kind: str, record: Checkpoint, architecture: Architecture) -> None:
    """Check a record of an image network.

    Args:
        kind: `units` or `layers`.
        record: Artifact of that kind.
        architecture: Architecture of the network.

    Raises:
        CheckpointError: A tensor is missing, or has another shape or type, or wrong values.
    """
    image = architecture.image
    if (image.height, image.width, image.channels) != (HEIGHT, WIDTH, 1):
        msg = f"a record of {kind} is for networks of {HEIGHT} x {WIDTH} pixels in grey"
        raise CheckpointError(msg)
    check, wanted = RECORDS[kind]
    lengths = _lengths(record.tensors, wanted(architecture))
    check(record, architecture, _pictures(record.tensors, architecture), lengths)


def _lengths(tensors: Tensors, wanted: Mapping[str, _Wanted]) -> dict[str, int]:
    """Check names, shapes and values of a record's tensors; return the length of each letter."""
    lengths: dict[str, int] = {}
    for name, one in wanted.items():
        value = tensors.get(name)
        if value is None:
            msg = f"tensor {name} is missing"
            raise CheckpointError(msg)
        for length, axis in zip(value.shape, one.shape, strict=False):
            if isinstance(axis, str):
                lengths.setdefault(axis, length)
        shape = tuple(lengths.get(axis, 0) if isinstance(axis, str) else axis for axis in one.shape)
        if value.shape != shape or value.dtype.kind not in one.kinds:
            msg = f"tensor {name} must be {_called(one)} {shape}, not {value.dtype} {value.shape}"
            raise CheckpointError(msg)
        known = value[~np.isnan(value)] if one.undefined else value
        if value.dtype.kind == "f" and not np.isfinite(known).all():
            msg = f"tensor {name} holds values that are not finite"
            raise CheckpointError(msg)
        if known.size and not (one.low <= known.min() and known.max() <= one.high):
            msg = f"tensor {name} must have values from {one.low:g} to {one.high:g}"
            raise CheckpointError(msg)
    for letter, length in lengths.items():
        if not 1 <= length <= MAX_LENGTH and letter != "rounds":
            msg = f"an axis of its {letter} must have a length of 1 to {MAX_LENGTH}, not {length}"
            raise CheckpointError(msg)
    return lengths


def _called(wanted: _Wanted) -> str:
    return "floats" if "f" in wanted.kinds else "whole numbers"


def _pictures(tensors: Tensors, architecture: Architecture) -> SelectedImages:
    """Check the test images of a record, and return them."""
    for name, dtype in zip(test_images.NAMES, (np.uint8, np.uint8, np.uint16), strict=True):
        value = tensors.get(name)
        if value is None or value.dtype != dtype or value.ndim != 1:
            msg = f"tensor {name} must be {np.dtype(dtype)}, with one axis"
            raise CheckpointError(msg)
    labels, indices = (tensors[name] for name in test_images.NAMES[1:])
    if len(labels) != len(indices) or (np.diff(indices.astype(np.int64)) <= 0).any():
        msg = "tensor images.index must be ascending, with a label for each"
        raise CheckpointError(msg)
    if not len(labels) or labels.max() >= len(architecture.classes):
        msg = f"tensor images.label must have labels below {len(architecture.classes)}"
        raise CheckpointError(msg)
    return test_images.unpack(tensors)


def _units(architecture: Architecture) -> dict[str, _Wanted]:
    """Return the tensors of the record `units`."""
    classes, linear = len(architecture.classes), layout_of(architecture).linear_layers
    wanted: dict[str, _Wanted] = {}
    for name, layer in architecture.layers.items():
        channels = layer.shape[-1]
        own = {
            "class_means": _Wanted("f", (classes, channels)),
            "silent_values": _Wanted("f", (channels,), 0, 1),
            "silent_images": _Wanted("f", (channels,), 0, 1),
            "range": _Wanted("f", (channels, 2)),
            "histogram": _Wanted("iu", (channels, "bins"), 0, 2**32),
            "mean": _Wanted("f", layer.shape),
        }
        if layer.has_maps:
            own["maxima.range"] = own["range"]
            own["maxima.histogram"] = own["histogram"]
        if name in linear:
            own["strongest"] = _Wanted("iu", (channels, "images"), 0, 2**16)
            own["strongest.value"] = _Wanted("f", (channels, "images"))
            own["highest_mean"] = _Wanted("f", (channels,))
            if layer.has_maps:
                longest = max(layer.shape[:2]) - 1
                own["strongest.place"] = _Wanted("iu", (channels, "images", 2), 0, longest)
        wanted |= {f"{name}.{key}": one for key, one in own.items()}
    return wanted


def _check_units(
    record: Checkpoint, architecture: Architecture, pictures: SelectedImages, _: Mapping[str, int]
) -> None:
    """Check the indices and positions of the strongest images in the record `units`."""
    for name in layout_of(architecture).linear_layers:
        if not np.isin(record.tensors[f"{name}.strongest"], pictures.indices).all():
            msg = f"tensor {name}.strongest has indices that images.index has not"
            raise CheckpointError(msg)
        layer = architecture.layers[name]
        if layer.has_maps:
            places = record.tensors[f"{name}.strongest.place"]
            if (places >= layer.shape[:2]).any():
                msg = f"tensor {name}.strongest.place must be within {layer.shape[:2]}"
                raise CheckpointError(msg)


def _layers(architecture: Architecture) -> dict[str, _Wanted]:
    """Return the tensors of the record `layers`."""
    count = 1 + len(architecture.layers)
    embedded = architecture.layers[layout_of(architecture).last_hidden or "logits"]
    values = prod(embedded.shape)
    shares = ("accuracy", "fitted", "control", "control.fitted")
    return {
        **{name: _Wanted("f", (count,), 0, 1) for name in shares},
        "gradient": _Wanted("f", (count, "tasks")),
        "cka": _Wanted("f", (count, count), -2, 2, undefined=True),
        "cka.training": _Wanted("f", ("rounds", count), -2, 2, undefined=True),
        "embedding.mean": _Wanted("f", (values,)),
        "embedding.components": _Wanted("f", ("components", values)),
        "embedding.shares": _Wanted("f", ("components",), 0, 1),
        "embedding.coordinates": _Wanted("f", ("pictures", "components")),
    }


def _check_layers(
    record: Checkpoint, _: Architecture, pictures: SelectedImages, lengths: Mapping[str, int]
) -> None:
    """Check the coordinates and the metadata of the record `layers`."""
    if lengths["components"] > MAX_COMPONENTS:
        msg = f"tensor embedding.shares must have at most {MAX_COMPONENTS} values"
        raise CheckpointError(msg)
    if lengths["pictures"] != len(pictures.indices):
        msg = "tensor embedding.coordinates must have a row for each of images.index"
        raise CheckpointError(msg)
    for name in ("majority", "learned_from", "compared"):
        if type(record.metadata.get(name)) not in {int, float}:
            msg = f"its metadata {name} must be a number"
            raise CheckpointError(msg)
    rounds = record.metadata.get("milestones")
    if not isinstance(rounds, list) or not all(_is_name(one) for one in rounds):
        msg = "its metadata milestones must be a list of names"
        raise CheckpointError(msg)
    if len(rounds) != lengths["rounds"] or len(set(rounds)) < len(rounds):
        msg = f"its metadata milestones must be {lengths['rounds']} names, each once"
        raise CheckpointError(msg)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 32 and value.isprintable()  # noqa: PLR2004


_Check = Callable[[Checkpoint, Architecture, SelectedImages, Mapping[str, int]], None]

RECORDS: Mapping[str, tuple[_Check, Callable[[Architecture], dict[str, _Wanted]]]] = {
    "units": (_check_units, _units),
    "layers": (_check_layers, _layers),
}
"""Check of each kind of record, and the tensors that it has."""
