"""Probe `field` of the CNN: the receptive field of a unit."""

import numpy as np
from pydantic import Field

from models.simple_networks import HEIGHT, LAYERS, WIDTH
from probes.cnn.activations import LayerName, receptive_field
from probes.declaration import ParameterError, Parameters, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Measure, Tensor


class ReceptiveFieldParameters(Parameters):
    """Parameters of the probe `field`: the unit whose receptive field to show."""

    layer: LayerName = Field(description="Layer.")
    y: int | None = Field(
        None, ge=0, description="Row of the layer's maps, counted from 0; default the middle."
    )
    x: int | None = Field(
        None, ge=0, description="Column of the layer's maps, counted from 0; default the middle."
    )

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the unit whose receptive field is shown; zeros for a dense layer."""
        if LAYERS[self.layer].receptive_field is None:
            return 0, 0
        rows, columns, _ = LAYERS[self.layer].shape
        return rows // 2 if self.y is None else self.y, columns // 2 if self.x is None else self.x


def check_position(call: ProbeCall[ReceptiveFieldParameters]) -> None:
    """Raise `ParameterError` for a receptive field at a row or column beyond the layer."""
    parameters = call.parameters
    layer = LAYERS[parameters.layer]
    counts = layer.shape[:2] if layer.receptive_field else (0, 0)
    for name, at, count in zip("yx", (parameters.y, parameters.x), counts, strict=True):
        if at is None:
            continue
        if layer.receptive_field is None:
            reason = f"{parameters.layer} has no maps: each of its units sees the whole picture"
            raise ParameterError(name, reason)
        if at >= count:
            reason = f"{name} {at} of {parameters.layer} is not one of its {count} "
            raise ParameterError(name, f"{reason}(0 to {count - 1})")


def receptive_field_mask(context: ProbeContext[ReceptiveFieldParameters]) -> Figure:
    """Receptive field of a unit: the pixels that its value depends on, and no others.

    `mask` is 1 there. `size` is its number of rows and columns before it is clipped at the border,
    `jump` its stride from one unit of the map to the next, in pixels; `top`, `left`, `bottom` and
    `right` are the box within the picture, both ends included. Pixels near the centre of the box
    reach the unit on more paths than those at its edge, so they usually matter more.
    """
    parameters = context.parameters
    y, x = parameters.place
    box = receptive_field(parameters.layer, y, x)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[box.top : box.bottom + 1, box.left : box.right + 1] = 1
    span = LAYERS[parameters.layer].receptive_field
    measures = (
        # Units of a dense layer read the whole picture, and have no neighbours to jump to.
        Measure("size", span.size if span else HEIGHT, "pixels"),
        Measure("jump", span.jump if span else 0, "pixels"),
        *(Measure(side, getattr(box, side)) for side in ("top", "left", "bottom", "right")),
    )
    where = f"{parameters.layer} at y {y}, x {x}" if span else f"every unit of {parameters.layer}"
    tensor = Tensor("mask", "statistic", ("y", "x"), mask, colour=colours.unit_interval("gray"))
    return Heatmap(f"What {where} sees", tensor, "x", measures)


PROBES = (
    Probe(
        family="image",
        name="field",
        figure=receptive_field_mask,
        parameters=ReceptiveFieldParameters,
        input=False,
        check=check_position,
        example={"layer": "conv2", "y": "3", "x": "0"},
    ),
)
