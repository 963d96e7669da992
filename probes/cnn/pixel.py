"""Probe `pixel` of images: the convolution sum behind one pixel of a feature map."""

import math
from collections.abc import Iterator

import numpy as np
from pydantic import Field

from models.architecture import INPUT, Architecture, Node
from models.declaration.operations import Activation, Conv, Merge, Norm, Pool
from probes.cnn.activations import MapName
from probes.cnn.layer_values import read_value, signed_layers
from probes.cnn.pixel_terms import (
    Arithmetic,
    Path,
    Place,
    Step,
    Values,
    Window,
    activation_after,
    arithmetic,
    needed,
    path_to,
    values_of,
    window_of,
)
from probes.declaration import Coloured, ParameterError, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Kind, Measure, Panels, Tensor, Tiles
from probes.output.drawing.numbers import number
from probes.shared.checks import check_channel_index
from probes.shared.needs import MAPS

TILE_COLUMNS = 8
"""Tiles per row in the probe `pixel`: patch, kernel and products of 64 channels then fit."""

FEW_STEPS = 2
"""Most steps after a pixel's convolution that the measures list alone: activation and pool."""

NORM_TERMS = ("value", "mean", "variance", "epsilon", "scale", "shift", "normalised")
"""Terms of a pixel's normalisation: (value - mean) / √(variance + epsilon) · scale + shift."""


class PixelParameters(Coloured):
    """Parameters of the probe `pixel`: layer, channel, row and column of the value to explain."""

    layer: MapName = Field(description="Layer with feature maps.")
    channel: int = Field(ge=0, description="Channel of the layer, counted from 0.")
    y: int = Field(ge=0, description="Row of the map, counted from 0 at the top.")
    x: int = Field(ge=0, description="Column of the map, counted from 0 at the left.")

    @property
    def place(self) -> Place:
        """Place of the explained pixel's value."""
        return Place(self.layer, self.channel, self.y, self.x)


def check_pixel(call: ProbeCall[PixelParameters]) -> None:
    """Raise `ParameterError` for a pixel outside of the feature maps of its layer."""
    parameters = call.parameters
    rows, columns, channels = call.model.architecture.layers[parameters.layer].shape
    check_channel_index("channel", parameters.layer, parameters.channel, channels)
    for name, at, count, called in (
        ("y", parameters.y, rows, "rows"),
        ("x", parameters.x, columns, "columns"),
    ):
        if at >= count:
            reason = f"{name} {at} of {parameters.layer} is not one of its {count} {called} "
            raise ParameterError(name, f"{reason}(0 to {count - 1})")


def pixel(context: ProbeContext[PixelParameters]) -> Figure:
    """Arithmetic of one pixel of a feature map: patch times kernel, plus bias, ReLU and pooling.

    `products` are exact, `contributions` are their sums by input channel. `sum` is the sum of all
    products and the bias, `rounding` the error of float32: `sum` + `rounding` is `value`, the map's
    value before the nonlinearity. `patch_top` and `patch_left` are the position of the patch in the
    input of the convolution, below 0 in the zero padding. For a max-pool, the arithmetic is that of
    the maximum of its window. A mean over a window, and a layer that adds others, is a sum of its
    own: of `window`, or of `terms`. `normalisation` has the terms of (value - mean) / √(variance +
    epsilon) · scale + shift, and `steps` the values from the sum to the output.
    """
    parameters, values = context.parameters, values_of(context)
    path = path_to(context.model.architecture, values, parameters.place)
    figures, measures = _sum(context, values, path)
    windows = [step for step in path.steps if isinstance(step.node.operation, Pool)]
    figures += [_maximum(context, values, step, step is windows[0]) for step in windows]
    figures += _normalisations(context, values, path)
    if _is_long(path):
        figures.append(_steps(values, path))
    measures += _after(context, values, path)
    where = f"{parameters.layer}, channel {parameters.channel}, y {parameters.y}, x {parameters.x}"
    title = f"The arithmetic of {where}: {_equation(measures)}"
    return Panels(title, tuple(figures), measures=tuple(measures))


def _equation(measures: list[Measure]) -> str:
    """Return the sum of a pixel in numbers: products + bias = sum, then the output."""
    found = {one.name: float(one.value) for one in measures if isinstance(one.value, int | float)}
    total = found.get("sum", found["value"])
    stated = number(total)
    if "bias" in found:
        bias = found["bias"]
        sign = "−" if bias < 0 else "+"
        stated = f"{number(total - bias)} {sign} {number(abs(bias))} = {stated}"
    output = number(found["output"])
    return stated if output == number(total) else f"{stated}, then {output}"


def _sum(
    context: ProbeContext[PixelParameters], values: Values, path: Path
) -> tuple[list[Figure], list[Measure]]:
    """Figures and measures of the sum that a pixel's value comes from."""
    node, place = path.node, path.place
    if node is None:
        return [], [Measure("value", place.value(values))]
    architecture = context.model.architecture
    read = [read_value(architecture, name) for name in node.inputs]
    match node.operation:
        case Conv():
            made = arithmetic(context, values, node, place)
            return _convolution(context, made, read[0]), _convolution_measures(made)
        case Pool():
            window = window_of(values[read[0]], node.operation, place)
            return _mean(context, window, read[0]), _mean_measures(window, place.value(values))
        case _:
            terms = [place._replace(layer=name).value(values) for name in read]
            return [_terms(read, terms)], _sum_measures(math.fsum(terms), place.value(values))


def _called(read: str) -> str:
    return "image" if read == INPUT else read


def _convolution(
    context: ProbeContext[PixelParameters], made: Arithmetic, read: str
) -> list[Figure]:
    """Figures of a pixel's convolution sum: patch, kernel, products and contributions."""
    called, cmap = _called(read), context.parameters.cmap
    channels = range(made.first, made.first + len(made.patch))
    # Channels of a later group are named by their number in the whole input.
    names = {"input_channel": list(channels)} if made.first else {}
    is_signed = read in signed_layers(context.model.architecture) or made.patch.min() < 0
    colour = colours.signed(made.patch) if is_signed else colours.non_negative(made.patch, cmap)
    axes = ("input_channel", "y", "x")
    patch = Tensor("patch", "input", axes, made.patch, names, colour)
    brings = Tensor("contributions", "statistic", ("input_channel",), made.contributions, names)
    grey = colours.unit_interval("gray")
    inside = Tensor("inside", "statistic", ("y", "x"), made.inside, {}, grey)

    def signed(name: str, kind: Kind, values: np.ndarray) -> Tensor:
        return Tensor(name, kind, axes, values, names, colours.signed(values))

    return [
        Tiles(f"Patch: what the kernel lies on ({called})", patch, TILE_COLUMNS),
        Tiles("Kernel", signed("kernel", "filter", made.kernel), TILE_COLUMNS),
        Tiles("Patch × kernel", signed("products", "statistic", made.products), TILE_COLUMNS),
        Bars("What each input channel brings", brings),
        Heatmap(
            f"1 where the patch lies on {called}, 0 beyond its border", inside, "x", written=True
        ),
    ]


def _convolution_measures(made: Arithmetic) -> list[Measure]:
    """Measures of a pixel's convolution sum, in the order of computation."""
    return [
        Measure("patch_top", int(made.rows[0])),
        Measure("patch_left", int(made.columns[0])),
        Measure("bias", made.bias),
        *_sum_measures(made.total, made.value),
    ]


def _sum_measures(total: float, value: float) -> list[Measure]:
    """Measures of any sum behind a pixel: exact, its rounding error, and the float32 value."""
    return [
        Measure("sum", total),
        Measure("rounding", value - total),
        Measure("value", value),
    ]


def _mean(context: ProbeContext[PixelParameters], window: Window, read: str) -> list[Figure]:
    """Figure of a pixel that is the mean of a window."""
    tensor = _window_tensor(context, "mean_window", window, read)
    return [Heatmap(f"Window of {_called(read)}: its mean over {window.count}", tensor, "x")]


def _mean_measures(window: Window, value: float) -> list[Measure]:
    """Measures of a pixel that is the mean of a window."""
    return [
        Measure("window_top", int(window.rows[0])),
        Measure("window_left", int(window.columns[0])),
        Measure("window_count", window.count),
        *_sum_measures(window.mean, value),
    ]


def _terms(read: list[str], terms: list[float]) -> Bars:
    """Bars of a pixel that is the sum of several layers."""
    names = {"input": [_called(name) for name in read]}
    tensor = Tensor("terms", "statistic", ("input",), np.array(terms, np.float32), names)
    return Bars("What each layer adds", tensor)


def _maximum(
    context: ProbeContext[PixelParameters], values: Values, step: Step, is_last: bool
) -> Heatmap:
    """Heatmap of the window that a pixel is the maximum of."""
    if not isinstance(step.node.operation, Pool):
        msg = f"{step.node.name} is no pool"
        raise TypeError(msg)
    window = window_of(values[step.source.layer], step.node.operation, step.place)
    # A path may have several pools: the one nearest to the output has the plain name.
    name = "window" if is_last else f"window.{step.node.name}"
    tensor = _window_tensor(context, name, window, step.source.layer)
    return Heatmap("Window: the largest wins", tensor, "x")


def _window_tensor(
    context: ProbeContext[PixelParameters], name: str, window: Window, read: str
) -> Tensor:
    """Tensor of the window of a pool behind a pixel, with rows and columns of the map."""
    architecture = context.model.architecture
    is_signed = read in signed_layers(architecture) or window.values.min() < 0
    colour = (
        colours.signed(window.values)
        if is_signed
        else colours.non_negative(window.values, context.parameters.cmap)
    )
    kind: Kind = "input" if read == INPUT else architecture.layers[read].kind
    places = {"y": window.rows.tolist(), "x": window.columns.tolist()}
    return Tensor(name, kind, ("y", "x"), window.values, places, colour)


def _normalisations(
    context: ProbeContext[PixelParameters], values: Values, path: Path
) -> Iterator[Figure]:
    """Bars of the terms of each normalisation between the sum and a pixel's value."""
    found = [step for step in path.steps if isinstance(step.node.operation, Norm)]
    for step in found:
        name = "normalisation" if step is found[0] else f"normalisation.{step.node.name}"
        terms = np.array(_norm_terms(context, values, step), np.float64)
        tensor = Tensor(name, "statistic", ("term",), terms, {"term": NORM_TERMS})
        yield Bars(f"How {step.node.name} normalises the value", tensor)


def _norm_terms(
    context: ProbeContext[PixelParameters], values: Values, step: Step
) -> tuple[float, ...]:
    """Return the terms of a pixel's normalisation, in the order of `NORM_TERMS`."""
    node, channel, weights = step.node, step.place.channel, context.model.weights
    if not isinstance(node.operation, Norm):
        msg = f"{node.name} is no normalisation"
        raise TypeError(msg)
    held = {
        name: float(weights[f"{node.name}.{name}"][channel])
        for name in ("scale", "bias", "mean", "var")
        if f"{node.name}.{name}" in weights
    }
    if node.operation.kind == "layer":
        across = values[step.source.layer][:, step.place.y, step.place.x].astype(np.float64)
        held |= {"mean": float(across.mean()), "var": float(across.var())}
    return (
        step.source.value(values),
        held["mean"],
        held["var"],
        node.operation.epsilon,
        held["scale"],
        held["bias"],
        step.place.value(values),
    )


def _is_long(path: Path) -> bool:
    """Whether the path to a pixel has more than a convolution, its activation and a pool."""
    other = any(isinstance(step.node.operation, Norm | Merge) for step in path.steps)
    is_plain = path.node is not None and isinstance(path.node.operation, Conv)
    return other or not is_plain or len(path.steps) > FEW_STEPS


def _steps(values: Values, path: Path) -> Bars:
    """Bars of the values from the sum to a pixel's output, layer by layer."""
    places = [path.place, *(step.place for step in reversed(path.steps))]
    names = {"step": [_called(place.layer) for place in places]}
    found = np.array([place.value(values) for place in places], np.float32)
    return Bars("From the sum to the output", Tensor("steps", "statistic", ("step",), found, names))


def _after(context: ProbeContext[PixelParameters], values: Values, path: Path) -> Iterator[Measure]:
    """Measures of the layers after the sum of a pixel, in the order of computation."""
    asked = context.parameters.place
    nodes: list[tuple[Node, Place]] = [(step.node, step.place) for step in reversed(path.steps)]
    after = activation_after(context.model.architecture, asked.layer)
    if not nodes and after is not None:
        nodes = [(after, asked._replace(layer=after.name))]
    known: set[str] = set()
    for node, place in nodes:
        operation = node.operation
        if isinstance(operation, Activation | Norm):
            name = operation.function if isinstance(operation, Activation) else "norm"
            yield Measure(f"{name}.{node.name}" if name in known else name, place.value(values))
            known.add(name)
    if path.has_winner:
        yield from (Measure("winner_y", path.place.y), Measure("winner_x", path.place.x))
    yield Measure("output", asked.value(values))


def _outputs(architecture: Architecture, parameters: PixelParameters) -> list[str]:
    return needed(architecture, parameters.layer)


PROBES = (
    Probe(
        family="image",
        name="pixel",
        figure=pixel,
        checkpoints=True,
        parameters=PixelParameters,
        program="trace",
        outputs=_outputs,
        check=check_pixel,
        example={"layer": "pool1", "channel": "7", "y": "6", "x": "6"},
        needs=(MAPS,),
    ),
)
