"""Probe `field` of images: the receptive field of a unit."""

import numpy as np
from jaxtyping import Bool
from pydantic import Field

from models.architecture import INPUT, Architecture, Node
from models.declaration.operations import Conv, Dense, Flatten, GlobalPool, Pool
from models.windows import windows
from probes.cnn.activations import LayerName, receptive_field
from probes.cnn.layer_values import nodes_of_values
from probes.declaration import ParameterError, Parameters, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Measure, Tensor

Mask = Bool[np.ndarray, "_ _"]


class ReceptiveFieldParameters(Parameters):
    """Parameters of the probe `field`: the unit whose receptive field to show."""

    layer: LayerName = Field(description="Layer.")
    y: int | None = Field(
        None, ge=0, description="Row of the layer's maps, counted from 0; default the middle."
    )
    x: int | None = Field(
        None, ge=0, description="Column of the layer's maps, counted from 0; default the middle."
    )

    def place(self, architecture: Architecture) -> tuple[int, int]:
        """Return row and column of the unit whose receptive field is shown; zeros without maps."""
        layer = architecture.layers[self.layer]
        if not layer.has_maps:
            return 0, 0
        rows, columns, _ = layer.shape
        return rows // 2 if self.y is None else self.y, columns // 2 if self.x is None else self.x


def check_position(call: ProbeCall[ReceptiveFieldParameters]) -> None:
    """Raise `ParameterError` for a receptive field at a row or column beyond the layer."""
    parameters = call.parameters
    layer = call.model.architecture.layers[parameters.layer]
    counts = layer.shape[:2] if layer.has_maps else (0, 0)
    for name, at, count in zip("yx", (parameters.y, parameters.x), counts, strict=True):
        if at is None:
            continue
        if not layer.has_maps:
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
    parameters, architecture = context.parameters, context.model.architecture
    y, x = parameters.place(architecture)
    box = receptive_field(architecture, parameters.layer, y, x)
    mask = read_pixels(architecture, parameters.layer, y, x).astype(np.uint8)
    fields = architecture.layers[parameters.layer].receptive_field
    image = architecture.image
    # Units of a dense layer read the whole picture, and have no neighbours to jump to.
    sizes = [field.size for field in fields] if fields else [image.height, image.width]
    jumps = [field.jump for field in fields] if fields else [0, 0]
    measures = (
        *_along("size", sizes),
        *_along("jump", jumps),
        *(Measure(side, getattr(box, side)) for side in ("top", "left", "bottom", "right")),
    )
    where = f"{parameters.layer} at y {y}, x {x}" if fields else f"every unit of {parameters.layer}"
    tensor = Tensor("mask", "statistic", ("y", "x"), mask, colour=colours.unit_interval("gray"))
    return Heatmap(f"What {where} sees", tensor, "x", measures)


def _along(name: str, lengths: list[int]) -> list[Measure]:
    """Measures of a receptive field along rows, and along columns where they differ."""
    rows, columns = lengths
    found = [Measure(name, rows, "pixels")]
    return found if rows == columns else [*found, Measure(f"{name}_x", columns, "pixels")]


def read_pixels(architecture: Architecture, layer: str, y: int, x: int) -> Mask:
    """Return the pixels in the receptive field of one unit, without those that strides leave out.

    Args:
        layer: Any layer.
        y: Row of its maps; of a layer without maps any number.
        x: Column of its maps.
    """
    image = architecture.image
    if not architecture.layers[layer].has_maps:
        return np.ones((image.height, image.width), np.bool_)
    start = nodes_of_values(architecture)[layer]
    read = {start.name: np.zeros(start.shape[:2], np.bool_)}
    read[start.name][y, x] = True
    pixels = np.zeros((image.height, image.width), np.bool_)
    # Each layer follows those that it reads, so that all that read it are done before it.
    for node in reversed(architecture.nodes):
        if node.name not in read:
            continue
        for name in node.inputs:
            shape = pixels.shape if name == INPUT else architecture.node(name).shape[:2]
            before = _before(node, read[node.name], (shape[0], shape[1]))
            if name == INPUT:
                pixels |= before
            else:
                read[name] = read.get(name, False) | before
    return pixels


def _before(node: Node, mask: Mask, shape: tuple[int, int]) -> Mask:
    """Return the positions that a layer reads to compute a part of its map's receptive field."""
    match node.operation:
        case Conv() | Pool():
            return _windowed(node.operation, mask, shape)
        case GlobalPool() | Flatten() | Dense():
            return np.ones(shape, np.bool_)
        case _:
            return mask


def _windowed(operation: Conv | Pool, mask: Mask, shape: tuple[int, int]) -> Mask:
    """Return the positions in the windows of a receptive field's values."""
    axes = [windows(operation, axis, side) for axis, side in enumerate(shape)]
    found = np.zeros(shape, np.bool_)
    for offset in np.ndindex(axes[0].size, axes[1].size):
        places = [
            np.arange(axis.count) * axis.stride - axis.before + at * axis.dilation
            for axis, at in zip(axes, offset, strict=True)
        ]
        inside = [(at >= 0) & (at < side) for at, side in zip(places, shape, strict=True)]
        part = mask[np.ix_(*inside)]
        rows, columns = (at[kept] for at, kept in zip(places, inside, strict=True))
        found[np.ix_(rows, columns)] |= part
    return found


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
