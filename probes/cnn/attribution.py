"""Probe `attribution` of images: pixel attributions, deletion curves and sanity checks."""

import numpy as np
from pydantic import Field

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.cnn.programs import SCORE
from models.runtime.programs import Call, Run
from probes.cnn import faithfulness, targets
from probes.cnn.attribution_methods import (
    CAMS,
    MethodInput,
    MethodParameters,
    attribute,
    enlarged,
    scores_held,
)
from probes.cnn.attribution_methods import held as held_of
from probes.cnn.attribution_methods import rows as rows_of
from probes.cnn.attribution_warnings import attribution_warnings, tied_and_shown
from probes.cnn.images import COLOURS, network_image, picture
from probes.declaration import ParameterError, Parameters, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Lines, Measure, Overlay, Panels, Tensor, Tiles
from probes.shared.completeness import completeness


def predicted_outputs(architecture: Architecture) -> frozenset[str]:
    """Return the outputs of predict that an attribution needs too: logits, perhaps OOD score."""
    scored = {SCORE} if layout_of(architecture).is_mnist else set()
    return frozenset({"logits", *scored})


class AttributionParameters(MethodParameters):
    """Parameters of the image probe `attribution`: method, its settings, and the checks to run."""

    deletion: bool = Field(
        True,
        description="Also compute deletion curves: pixels are deleted in the order of the map and "
        "in random order; a faithful map lowers the target faster.",
    )
    sanity: bool = Field(
        False,
        description="Also run the sanity check by cascading randomisation: attribute with weights "
        "reset layer by layer; an unchanged map does not depend on the training. Not with "
        "`checkpoint`.",
    )


def check_attribution(call: ProbeCall[AttributionParameters]) -> None:
    """Raise `ParameterError` for an attribution's target, missing maps, or a sanity check."""
    targets.check_target(call)
    if call.parameters.method in CAMS and not call.model.architecture.maps:
        raise ParameterError("method", f"{call.parameters.method} needs a layer with feature maps")
    if call.parameters.sanity and call.model.checkpoint is not None:
        reason = "the sanity check resets the served weights: ask for it without checkpoint"
        raise ParameterError("sanity", reason)


def rows(call: ProbeCall[AttributionParameters]) -> int:
    """Return the number of program rows that a pixel attribution and its checks take."""
    parameters, architecture = call.parameters, call.model.architecture
    # The sanity check attributes once more for each layer that is reset.
    times = 1 + len(layout_of(architecture).cascade) * parameters.sanity
    return rows_of(parameters, architecture) * times + faithfulness.ROWS * parameters.deletion + 1


def held(call: ProbeCall[AttributionParameters]) -> int:
    """Return the bytes that a pixel attribution and its checks hold."""
    parameters, architecture = call.parameters, call.model.architecture
    # The deletion curves hold as much as an occlusion; the sanity check attributes one by one.
    curves = scores_held(architecture, faithfulness.ROWS) if parameters.deletion else 0
    return held_of(parameters, architecture) + curves


def run(call: ProbeCall[AttributionParameters]) -> Run:
    """Run the prediction, the pixel attribution and the selected faithfulness checks."""
    row = call.input.row
    parameters, architecture = call.parameters, call.model.architecture
    wanted = predicted_outputs(architecture)
    (predicted,) = yield (Call("predict", {"image": row["image"]}, wanted),)
    # The gradient programs take network values, of MNIST the predict program takes pixels.
    image = network_image(architecture, row["image"])
    target = targets.weights(architecture, parameters, predicted["logits"])
    given = MethodInput(architecture, image, target, parameters)
    found = dict((yield from attribute(given)))
    if parameters.deletion:
        # Class activation maps are smaller than the image whose pixels are deleted.
        shown = enlarged(found["map"], (image.shape[0], image.shape[1]))
        curves = yield from faithfulness.deletion(given, shown)
        found["deletion"], found["deletion_random"] = curves
    if parameters.sanity:
        found["sanity"] = yield from faithfulness.randomisation_check(given, found["map"])
        found["sanity_pixels"] = np.asarray(faithfulness.compared_pixels(given).sum())
    return {**predicted, **found}


def attribution(context: ProbeContext[AttributionParameters]) -> Figure:
    """Attribution of the target logit to pixels, with deletion curves and a sanity check.

    `attribution` is the raw signed map: blue increases the target, red decreases it. For
    `grad_cam`, `hirescam` and `layer_cam` it has the layer's size; `rectified` is its positive
    part, and `normalised` that divided by its maximum (zeros where `all_nonpositive` is true).
    `delta` is the completeness error of integrated gradients, the map's sum minus `f_input -
    f_baseline`. The deletion curves are the target while pixels are deleted in the order of the map
    and in random order; `faithfulness` is the area between them, in logits, and is negative where
    the map's order is the worse one: common for `grad_cam`. `sanity` are rank correlations with the
    maps of weights that are reset from the last layer to the first, over the `sanity_pixels` that
    differ from the baseline. `tied_pixels` are pixels in even areas, where values in a pooling
    window are equal: their attribution depends on the rule for ties, here the first value's. Of an
    RGB image `attribution` is the sum over the channels, and `attribution.channels` has each.
    """
    parameters, architecture = context.parameters, context.model.architecture
    raw = context.outputs["map"]
    shown = Tensor("attribution", "attribution", ("y", "x"), raw, colour=colours.signed(raw))
    maps: list[Figure] = [
        Heatmap("Raw, signed", shown, "x", _map_measures(context)),
        Overlay("Over the picture", picture(context), shown),
    ]
    if parameters.method in CAMS:
        maps += _rectified(raw)
    if (by_channel := context.outputs.get("by_channel")) is not None:
        maps.append(_by_channel(by_channel))
    called = targets.called(architecture, parameters, context.outputs["logits"])
    method = parameters.method.replace("_", " ").capitalize()
    title = f"{method} of {called}"
    # Above both maps: a caption holds four measures, and a map has its own.
    figures: list[Figure] = [Panels(title, tuple(maps), measures=_target_measures(context))]
    if parameters.deletion:
        figures.append(_curves(context))
    if parameters.sanity:
        figures.append(_sanity(context))
    return Panels("Attribution", tuple(figures))


def _target_measures(context: ProbeContext[AttributionParameters]) -> tuple[Measure, ...]:
    """Measures of an attribution's target: its name, and the terms of the completeness check."""
    architecture, outputs = context.model.architecture, context.outputs
    return (
        Measure("target", targets.called(architecture, context.parameters, outputs["logits"])),
        *completeness(outputs),
    )


def _map_measures(context: ProbeContext[AttributionParameters]) -> tuple[Measure, ...]:
    """Measures of an attribution map: its sum, pixels in ties, whether no value is positive."""
    raw = context.outputs["map"]
    measures = [Measure("sum", float(raw.sum(dtype=np.float64)))]
    if (tied := tied_and_shown(context)) is not None:
        measures.append(Measure("tied_pixels", int(tied[0].sum())))
    if context.parameters.method in CAMS:
        measures.append(Measure("all_nonpositive", bool((raw <= 0).all())))
    return tuple(measures)


def _rectified(raw: np.ndarray) -> list[Figure]:
    """Heatmaps of an attribution's class activation map: its positive part, raw and in [0, 1]."""
    rectified = np.maximum(raw, 0)
    largest = rectified.max()
    # Zeros where no value is positive, in place of a division by 0.
    normalised = rectified / largest if largest > 0 else rectified
    first = Tensor(
        "rectified",
        "attribution",
        ("y", "x"),
        rectified,
        colour=colours.non_negative(rectified, "viridis"),
    )
    second = Tensor(
        "normalised", "attribution", ("y", "x"), normalised, colour=colours.unit_interval("viridis")
    )
    return [Heatmap("Rectified", first, "x"), Heatmap("Normalised", second, "x")]


def _by_channel(values: np.ndarray) -> Tiles:
    """Tiles of the attribution of each channel of an RGB image."""
    axes, names = ("channel", "y", "x"), {"channel": COLOURS}
    colour = colours.signed(values)
    tensor = Tensor("attribution.channels", "attribution", axes, values, names, colour)
    return Tiles("By channel of the picture", tensor)


def deletion_title(architecture: Architecture) -> str:
    """Return the title of deletion curves: digits are ink, other pictures pixels."""
    deleted = "ink is" if layout_of(architecture).is_mnist else "pixels are"
    return f"Target while {deleted} deleted, in per cent"


def _curves(context: ProbeContext[Parameters]) -> Lines:
    """Figure of a pixel attribution's deletion curves: in its own order, and in random order."""
    both = [context.outputs[name] for name in ("deletion", "deletion_random")]
    at = {"deleted": faithfulness.SHARES}
    ordered, random = (
        Tensor(name, "logits", ("deleted",), curve.astype(np.float32), at)
        for name, curve in zip(("deletion", "deletion_random"), both, strict=True)
    )
    areas = [faithfulness.area(curve) for curve in both]
    measures = (
        Measure("deletion_area", areas[0], "logits"),
        Measure("deletion_random_area", areas[1], "logits"),
        Measure("faithfulness", faithfulness.gain(*both), "logits"),
    )
    title = deletion_title(context.model.architecture)
    names = ("in the map's order", "in random order")
    return Lines(title, (ordered, random), "deleted", None, 0.0, measures, names)


def _sanity(context: ProbeContext[Parameters]) -> Heatmap:
    """Heatmap of rank correlations of a pixel attribution with those of randomised weights."""
    values = context.outputs["sanity"].astype(np.float32)
    cascade = layout_of(context.model.architecture).cascade
    coordinates = {"compared": ("values", "magnitudes"), "reset_from": cascade}
    tensor = Tensor(
        "sanity",
        "statistic",
        ("compared", "reset_from"),
        values.T.copy(),
        coordinates,
        colours.tanh_interval(),
    )
    measures = (Measure("sanity_pixels", int(context.outputs["sanity_pixels"])),)
    return Heatmap("Rank correlation with maps of reset weights", tensor, "reset_from", measures)


PROBES = (
    Probe(
        family="image",
        name="attribution",
        figure=attribution,
        checkpoints=True,
        warnings=attribution_warnings,
        parameters=AttributionParameters,
        run=run,
        rows=rows,
        held=held,
        check=check_attribution,
        example={"method": "integrated_gradients", "nodes": "16"},
    ),
)
