"""Edits of an image network's activations, posted as extra fields, and their scale and shift.

Every activation v is replaced by v · scale + shift, so that one compiled program serves all edits;
scale 1 and shift 0 leave it unchanged.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped
from pydantic import Field, model_validator

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.runtime.sparse_input import SparseInput
from probes.cnn.activations import LayerName
from probes.declaration import ExtraFields, ModelContext, ParameterError, ProbeInput
from probes.shared.affine_edits import MAX_AMOUNT, PlacedEdit, composed

Operation = Literal["zero", "scale", "add", "set", "mean", "patch"]


_WITH_AMOUNT = ("scale", "add")


class Region(ExtraFields):
    """Region of a CNN edit: rows and columns of a map, both ends included, counted from 0."""

    top: int = Field(ge=0, description="First row.")
    left: int = Field(ge=0, description="First column.")
    bottom: int = Field(ge=0, description="Last row.")
    right: int = Field(ge=0, description="Last column.")


class Edit(ExtraFields):
    """Edit of some activations of one layer of a network of images."""

    layer: LayerName = Field(description="Layer whose values are edited.")
    channels: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        description="Channels (of a dense layer: units), counted from 0; default all.",
    )
    region: Region | None = Field(None, description="Part of the maps; default all of it.")
    operation: Operation = Field(
        description="`zero`; `scale` or `add` by `amount`; `set` to `amount`, or to `values`; "
        "`mean`, the mean over the training images at each position; `patch`, the value in the "
        "run of `source`."
    )
    amount: float | None = Field(
        None, ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Operand of `scale`, `add` and `set`."
    )
    values: list[Any] | None = Field(
        None,
        description="Operand of `set`: a number for each edited value, channel first, as in "
        "`/cnn/activations`; the rest of the network runs with these.",
    )

    @model_validator(mode="after")
    def _amount_where_needed(self) -> "Edit":
        """Require the operands that the operation of a CNN edit takes, and no others."""
        # `set` takes either of the two, `scale` and `add` take an amount only.
        given = (self.amount is not None) + (self.values is not None)
        needed = 1 if self.operation in {*_WITH_AMOUNT, "set"} else 0
        wrong = self.operation in _WITH_AMOUNT and self.values is not None
        if given != needed or wrong:
            needs = {"set": "an amount or values", "scale": "an amount", "add": "an amount"}
            msg = f"{self.operation} takes {needs.get(self.operation, 'neither amount nor values')}"
            raise ValueError(msg)
        return self


class Edits(ExtraFields):
    """Extra fields of the image probe `intervene`: the edits and the image to patch from."""

    edits: tuple[Edit, ...] = Field((), max_length=64, description="Edits, applied in this order.")
    source: dict[str, Any] | None = Field(
        None, description="Second image, as `image` or `pixels`, whose values `patch` takes."
    )


def selected(edit: Edit, values: Shaped[np.ndarray, "*layer"]) -> Shaped[np.ndarray, "*selected"]:
    """Select the channels and the region of a CNN edit from a layer's values, channel first."""
    if edit.channels is not None:
        values = values[list(edit.channels)]
    if (part := edit.region) is not None:
        values = values[:, part.top : part.bottom + 1, part.left : part.right + 1]
    return values


def places_of(architecture: Architecture, edit: Edit) -> Int[np.ndarray, "*selected"]:
    """Return a CNN edit's indices into the vector of all layers' values, channel first."""
    place = layout_of(architecture).slices[edit.layer]
    # The vector is flattened channel last, as the network computes; requests are channel first.
    shape = architecture.layers[edit.layer].shape
    indices = np.arange(place.start, place.stop).reshape(shape)
    return selected(edit, np.moveaxis(indices, -1, 0))


def check_edits(model: ModelContext, given: ProbeInput) -> None:
    """Check edits of an image network: their layers and channels, the record of means, the source.

    Raises:
        ParameterError: An edit that cannot be applied, with its location in the body.
    """
    for index, edit in enumerate(given.extra_as(Edits).edits):
        if reason := _fault(model, given, edit):
            raise ParameterError("edits", f"edits[{index}]: {reason}", "edits", index)


def _fault(model: ModelContext, given: ProbeInput, edit: Edit) -> str | None:
    """Return why an edit of CNN activations cannot be applied; None for a valid edit."""
    *sides, channels = model.architecture.layers[edit.layer].shape
    for channel in edit.channels or ():
        if not 0 <= channel < channels:
            last = channels - 1
            return f"channel {channel} of {edit.layer} is not one of its {channels} (0 to {last})"
    if (part := edit.region) is not None:
        if not sides:
            return f"{edit.layer} has no maps, so no region"
        if not (part.top <= part.bottom < sides[0] and part.left <= part.right < sides[1]):
            return f"the region must lie within the {sides[0]} x {sides[1]} of {edit.layer}"
    if edit.operation == "patch" and not given.source:
        return "patch needs a source"
    if edit.operation == "mean" and "units" not in model.artifacts:
        return "these weights have no record of units, which holds the means"
    return _values_fault(model.architecture, edit) if edit.values is not None else None


def _values_fault(architecture: Architecture, edit: Edit) -> str | None:
    """Return why the values of a CNN edit's `set` do not fit its selection; None if valid."""
    shape = places_of(architecture, edit).shape
    try:
        values = np.array(edit.values, np.float64)
    except (TypeError, ValueError):
        return f"values must be numbers in lists of the shape {list(shape)}"
    if values.shape != shape:
        return f"values have the shape {list(values.shape)}; what is edited has {list(shape)}"
    # Written so that NaN, which compares false, is refused too.
    if not (np.abs(values) <= MAX_AMOUNT).all():
        return f"values must lie from {-MAX_AMOUNT:g} to {MAX_AMOUNT:g}"
    return None


def scale_and_shift(
    architecture: Architecture,
    edits: Sequence[Edit],
    means: Mapping[str, np.ndarray],
    source: Mapping[str, np.ndarray],
) -> tuple[SparseInput, SparseInput]:
    """Compose edits of an image network into one scale and one shift per activation.

    Args:
        architecture: Architecture of the network.
        edits: Edits in the order of application.
        means: By layer, the mean of each activation over the training images, channel first.
        source: By layer, the activations that patches take, channel first.
    """
    placed = [
        PlacedEdit(edit, places_of(architecture, edit), partial(_replacement, edit, means, source))
        for edit in edits
    ]
    return composed((layout_of(architecture).value_count,), placed)


def no_edit(architecture: Architecture) -> tuple[SparseInput, SparseInput]:
    """Return the scale and the shift with which no activation of an image network is edited."""
    return scale_and_shift(architecture, (), {}, {})


def _replacement(
    edit: Edit, means: Mapping[str, np.ndarray], source: Mapping[str, np.ndarray]
) -> np.ndarray | float:
    """Return the values that a CNN edit writes: those of a `zero`, `set`, `mean` or `patch`."""
    match edit.operation:
        case "zero":
            return 0.0
        case "set":
            return np.array(edit.values if edit.amount is None else edit.amount, np.float32)
        case "mean":
            held = means[edit.layer]
        case _:
            held = source[edit.layer]
    return selected(edit, held).astype(np.float32)
