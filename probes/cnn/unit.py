"""Probe `unit` of images: strongest test images, statistics and activation maximisation."""

import numpy as np
from jaxtyping import Int
from pydantic import Field

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.runtime.programs import Run
from probes.cnn.activation_maximisation import AscentConfig, Basis, ascend, weights_of
from probes.cnn.activations import LayerName
from probes.cnn.images import drawn
from probes.cnn.layer_values import before_nonlinearity
from probes.cnn.unit_record import UnitRecord, corner, crop, place_before, selectivity
from probes.declaration import ParameterError, Parameters, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Lines, Measure, Panels, Tensor, Tiles
from probes.shared.checks import check_channel_index
from probes.shared.held_bytes import floats, in_flight

LEAST_SCALE = 0.05
"""Least scale of the probe `unit`'s maximisation, as a share of the unit's largest activation.

It is the scale for a map whose largest mean is smaller, or negative.
"""


class UnitParameters(Parameters):
    """Parameters of the probe `unit`: layer and channel, and activation maximisation's settings."""

    layer: LayerName = Field(description="Layer.")
    channel: int = Field(ge=0, description="Channel (of a dense layer: unit), counted from 0.")
    y: int | None = Field(
        None, ge=0, description="Row of the value of the map to maximise; goes with `x`."
    )
    x: int | None = Field(
        None,
        ge=0,
        description="Column of that value. Without `y` and `x`, the mean of the map is maximised.",
    )
    images: int = Field(2, ge=1, le=4, description="Number of images to optimise.")
    steps: int = Field(
        128, ge=0, le=512, description="Steps of activation maximisation; 0 for none."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the initial images.")
    basis: Basis = Field(
        "fourier",
        description="Parametrisation of the images: `fourier`, coefficients that favour low "
        "frequencies, for smooth images; `pixel`, independent pixels.",
    )
    jitter: int = Field(
        1, ge=0, le=2, description="Largest random shift of the image at each step, pixels."
    )

    def place(self, architecture: Architecture) -> tuple[int, int] | None:
        """Return the position that the probe `unit` maximises; None for the mean of the map."""
        if self.y is None or self.x is None:
            return None
        return place_before(architecture, self.layer, (self.y, self.x))


def record_of(call: ProbeCall[UnitParameters]) -> UnitRecord | None:
    """Return the record of the unit that a request of the probe `unit` names; None without one."""
    record = call.model.artifacts.get("units")
    if record is None:
        return None
    parameters, architecture = call.parameters, call.model.architecture
    return UnitRecord(architecture, record.tensors, parameters.layer, parameters.channel)


def check_unit(call: ProbeCall[UnitParameters]) -> None:
    """Raise `ParameterError` for a unit that the network has not, or of which nothing is known."""
    parameters, architecture = call.parameters, call.model.architecture
    layer, shape = parameters.layer, architecture.layers[parameters.layer].shape
    check_channel_index("channel", layer, parameters.channel, shape[-1])
    place = {"y": parameters.y, "x": parameters.x}
    given = [name for name, at in place.items() if at is not None]
    if given and not architecture.layers[layer].has_maps:
        raise ParameterError(given[0], f"{layer} has no maps, so a unit of it has no {given[0]}")
    if len(given) == 1:
        raise ParameterError(given[0], "y and x go together: give both, or neither")
    # The shape of a dense layer is shorter, but the check above refuses its y and x.
    for (name, at), count in zip(place.items(), shape[:2], strict=False):
        if at is not None and at >= count:
            reason = f"{name} {at} of {layer} is not one of its {count} (0 to {count - 1})"
            raise ParameterError(name, reason)
    _check_something_shown(call)


def _check_something_shown(call: ProbeCall[UnitParameters]) -> None:
    """Raise `ParameterError` for a unit without a record or something to maximise."""
    layer = call.parameters.layer
    if call.parameters.steps and before_nonlinearity(call.model.architecture, layer) is None:
        reason = (
            f"{layer} is computed from flattened maps, or without weights: nothing is maximised"
        )
        raise ParameterError("layer", reason)
    if not call.parameters.steps and "units" not in call.model.artifacts:
        reason = "these weights have no record of units, so 0 steps would show nothing"
        raise ParameterError("steps", reason)


def unit_rows(call: ProbeCall[UnitParameters]) -> int:
    """Return the number of program rows that the probe `unit` takes: those of maximisation."""
    parameters = call.parameters
    # One more than the steps: the final images are evaluated without jitter.
    return parameters.images * (parameters.steps + 1) if parameters.steps else 0


def unit_held(call: ProbeCall[UnitParameters]) -> int:
    """Return the bytes that activation maximisation of the probe `unit` holds."""
    parameters, layout = call.parameters, layout_of(call.model.architecture)
    image = floats(*layout.image_shape)
    # Parameters, both moments of Adam, gradients, Fourier transforms and their copies.
    state = parameters.images * (16 * image + floats(parameters.steps))
    flying = in_flight(parameters.images, image, image)
    return flying + state + floats(2, layout.linear_count)


def run_unit(call: ProbeCall[UnitParameters]) -> Run:
    """Run the probe `unit`: activation maximisation, or nothing with 0 steps."""
    parameters, architecture = call.parameters, call.model.architecture
    if not parameters.steps:
        return {}
    layer, place = (
        before_nonlinearity(architecture, parameters.layer),
        parameters.place(architecture),
    )
    search = AscentConfig(
        architecture,
        weights_of(architecture, layer or "", parameters.channel, place),
        _scale(call),
        **parameters.model_dump(include={"basis", "images", "steps", "jitter", "seed"}),
    )
    found = yield from ascend(search)
    return {"pictures": found.pictures, "values": found.values, "course": found.course}


def _scale(call: ProbeCall[UnitParameters]) -> float | None:
    """Return the scale of the probe `unit`'s maximisation; None without a record of units."""
    held, reference = record_of(call), _reference(call)
    if held is None or reference is None:
        return None
    # A scale near zero would make the penalties overwhelm the objective.
    return max(reference, LEAST_SCALE * abs(held.maximum))


def _reference(call: ProbeCall[UnitParameters]) -> float | None:
    """Return the test set's largest value of the objective that the probe `unit` maximises.

    None for weights without a record of units.
    """
    held = record_of(call)
    if held is None:
        return None
    return held.highest_mean if _is_mean(call) else held.maximum


def _is_mean(call: ProbeCall[UnitParameters]) -> bool:
    """Whether activation maximisation maximises the mean of a map, not a value at a place."""
    architecture = call.model.architecture
    before = before_nonlinearity(architecture, call.parameters.layer)
    has_map = before is not None and architecture.layers[before].has_maps
    return has_map and call.parameters.place(architecture) is None


def unit(context: ProbeContext[UnitParameters]) -> Figure:
    """One unit of a network: its strongest test images, statistics, and activation maximisation.

    `strongest` are the nine test images with the largest value of the unit, or of the channel
    anywhere in its map; each is named by its digit and its number in the test set. `crops` are the
    receptive fields of these values, black beyond the border, and `strongest.place` their position:
    `y` and `x` in the map, `top` and `left` in the picture. They are recorded before the
    nonlinearity, so of later layers only those have them that ReLUs lead to, and max-pools whose
    windows cover the map: not a tanh or a mean. `histogram` counts the values over all 10,000 test
    images, and `maxima` the largest of each image; after a ReLU both leave out zeros.
    `silent_values` and `silent_images` are the shares of them at or below zero. `class_means` are
    means by digit; selectivity is (μ_max − μ_rest) / (μ_max + μ_rest), the largest of them against
    the mean of the others (Morcos et al., 2018), null where means can be below zero.

    `optimum` are images from gradient ascent on the value before the ReLU: of the dense unit, of
    the mean over the channel's map, or of one value at `y`, `x` (for a pool, the upper left of its
    window). `optimum.value` is the value that they reach, `test_reference` the largest over the
    test set. They are local optima, which depend on `seed`, `basis` and `steps`. Weights without a
    record of units over a test set have the optimum alone.
    """
    parameters, architecture = context.parameters, context.model.architecture
    held = record_of(context)
    kind = "channel" if architecture.layers[parameters.layer].has_maps else "unit"
    called = f"{parameters.layer}, {kind} {parameters.channel}"
    parts: list[Figure] = []
    if held is not None:
        parts += [*(_strongest(held) if held.has_strongest else ()), _statistics(held)]
    if context.outputs:
        parts.append(_optimum(context))
    return Panels(called, tuple(parts))


def _strongest(held: UnitRecord) -> tuple[Figure, ...]:
    """Figures of the probe `unit`: the test images that activate the unit most."""
    known, indices = held.pictures, held.strongest
    at = known.positions(indices)
    images, labels = known.images[at], known.labels[at]
    names = [f"{label} · {index}" for label, index in zip(labels, indices, strict=True)]
    axes = ("image", "y", "x")
    shown = Tensor("strongest", "input", axes, images, {"image": names}, colours.intensities())
    numbers = {"image": indices.tolist()}
    value = Tensor("strongest.value", "statistic", ("image",), held.strongest_values, numbers)
    whole = Tiles("Strongest test images: digit · number", shown)
    bars = Bars("Largest value in each", value)
    if not held.has_map:
        return whole, bars
    places = held.places
    pairs = zip(images, places.tolist(), strict=True)
    crops = np.stack([crop(held.architecture, image, held.layer, *place) for image, place in pairs])
    context = Tensor("crops", "input", axes, crops, numbers, colours.intensities())
    sees = Tiles("What that value sees of them", context)
    return whole, sees, bars, _where(held, places, indices)


def _where(
    held: UnitRecord, places: Int[np.ndarray, "images 2"], indices: Int[np.ndarray, " images"]
) -> Heatmap:
    """Heatmap of where a unit's maxima are, in the map and in the strongest images."""
    fields = [corner(held.architecture, held.layer, y, x) for y, x in places.tolist()]
    corners = [[top, left] for (top, _), (left, _) in fields]
    values = np.concatenate([places, corners], axis=1).T.astype(np.int32)
    names = {"place": ("y", "x", "top", "left"), "image": indices.tolist()}
    colour = colours.signed(values)
    tensor = Tensor("strongest.place", "statistic", ("place", "image"), values, names, colour)
    title = "Where it is in the map (y, x), and its crop in the picture (top, left)"
    return Heatmap(title, tensor, "image", written=True)


def _statistics(held: UnitRecord) -> Figure:
    """Figures of the probe `unit`: histograms, silence and class means over the test set."""
    means, classes = held.class_means, held.architecture.classes
    silence = [Measure("silent_values", held.silent("values"), words="share of silent values")]
    bars = [_bins("histogram", "All values", held, "", silence)]
    if held.has_map:
        share = held.silent("images")
        silence = [Measure("silent_images", share, words="share of silent images")]
        bars.append(_bins("maxima", "Largest value of each image", held, "maxima.", silence))
    favourite = int(means.argmax())
    by_digit = Bars(
        "Mean value by digit",
        Tensor("class_means", "statistic", ("label",), means, {"label": classes}),
        highlight=favourite,
        measures=(
            Measure("favourite", classes[favourite]),
            Measure("selectivity", selectivity(means) if held.rectified else None),
        ),
    )
    return Panels("Over the test set", (*bars, by_digit))


def _bins(name: str, title: str, held: UnitRecord, of: str, measures: list[Measure]) -> Bars:
    """Bars of a unit's activation histogram, each bin named by its lower limit."""
    counts, (low, high) = held.histogram(of)
    starts = np.linspace(low, high, len(counts), endpoint=False)
    names = {"value": [f"{start:.3g}" for start in starts.tolist()]}
    # Bins are named by their lower limits, so the upper limit of the last one is a measure.
    ends = (
        Measure(f"{name}_low", low, words="from"),
        Measure(f"{name}_high", high, words="to"),
    )
    tensor = Tensor(name, "count", ("value",), counts, names)
    return Bars(title, tensor, measures=(*measures, *ends))


def _optimum(context: ProbeContext[UnitParameters]) -> Figure:
    """Figures of the probe `unit`: activation maximisation's images, and the objective by step."""
    parameters, architecture = context.parameters, context.model.architecture
    found, values = context.outputs["pictures"], context.outputs["values"]
    grey = colours.unit_interval("gray")
    reference, place = _reference(context), parameters.place(architecture)
    pushed = before_nonlinearity(architecture, parameters.layer)
    what = f"mean of {pushed}" if _is_mean(context) else str(pushed)
    if place is not None:
        what = "{} at y {}, x {}".format(pushed, *place)
    tiles = Tiles("Found by gradient ascent", drawn("optimum", found, grey, "image"))
    line = "" if reference is None else "; the line is the test set's largest"
    course = Lines(
        f"What they reach, step by step{line}",
        (Tensor("course", "pre_activation", ("image", "step"), context.outputs["course"]),),
        "step",
        reference=reference,
    )
    reached = Tensor("optimum.value", "pre_activation", ("image",), values)
    measures = (
        Measure("driven", what, words="maximised"),
        Measure("reached", float(values.max())),
        Measure("test_reference", reference, words="largest of the test set"),
        Measure("seed", parameters.seed),
    )
    end = Bars("What they reach at the end, not moved", reached)
    return Panels("The optimum of a search", (tiles, course, end), measures=measures)


PROBES = (
    Probe(
        family="image",
        name="unit",
        figure=unit,
        checkpoints=True,
        parameters=UnitParameters,
        input=False,
        run=run_unit,
        rows=unit_rows,
        held=unit_held,
        check=check_unit,
        example={"layer": "relu2", "channel": "7", "steps": "24"},
    ),
)
