"""Warnings about a pixel attribution: incomplete, unfaithful, tied, or without ranks to compare."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from probes.cnn import faithfulness
from probes.cnn.attribution_methods import MAX_NODES, MethodParameters
from probes.cnn.baselines import baseline
from probes.cnn.images import network_image, per_pixel
from probes.cnn.pooling_ties import tied_pixels
from probes.declaration import ProbeContext, ResultWarning

INCOMPLETE_SHARE = 0.05
"""Share of the targets' difference above which the completeness error `delta` is warned about."""

MIN_LOGITS = 0.01
"""Smallest completeness error or negative faithfulness to warn about, in logits: not rounding."""

TIED_SHARE = 0.5
"""Share of an attribution's pixels in tied pooling windows above which it is warned about."""

Mask = Bool[np.ndarray, "height width"]


def tied_and_shown(context: ProbeContext[MethodParameters]) -> tuple[Mask, Mask] | None:
    """Pixels of an attribution in tied pooling windows, among those that have a value at all.

    Returns:
        Both masks, the first within the second; None for a method without a gradient by pixels, or
        of noisy copies, whose pixels are never equal.
    """
    parameters, architecture = context.parameters, context.model.architecture
    image = network_image(architecture, context.input.row["image"])
    everywhere = np.ones(image.shape[:2], np.bool_)
    match parameters.method:
        case "integrated_gradients":
            cover = baseline(parameters.baseline, image, architecture)
            ends, shown = [image, cover], per_pixel(image != cover)
        case "gradient_x_input":
            ends, shown = [image], per_pixel(image != 0)
        case "gradient":
            ends, shown = [image], everywhere
        case "smoothgrad" if parameters.noise == 0:
            ends, shown = [image], everywhere
        case _:
            return None
    return tied_pixels(architecture, ends) & shown, shown


def attribution_warnings(context: ProbeContext[MethodParameters]) -> list[ResultWarning]:
    """Warnings about a pixel attribution, from the measures of its figure."""
    checks = (_incomplete, _unfaithful, _tied, _without_ranks)
    return [warning for check in checks for warning in check(context)]


def _incomplete(context: ProbeContext[MethodParameters]) -> Iterator[ResultWarning]:
    """Warn about integrated gradients whose sum misses the difference of the targets."""
    outputs = context.outputs
    if "delta" not in outputs:
        return
    delta = float(outputs["delta"])
    difference = float(outputs["f_input"]) - float(outputs["f_baseline"])
    if abs(delta) <= max(INCOMPLETE_SHARE * abs(difference), MIN_LOGITS):
        return
    nodes = context.parameters.nodes
    remedy = (
        f"More nodes than {nodes} mostly reduce the error: ask with nodes={MAX_NODES}."
        if nodes < MAX_NODES
        else f"{MAX_NODES} nodes are the maximum; compare occlusion."
    )
    yield ResultWarning(
        "incomplete",
        f"The map sums to {difference + delta:.2f}, but the targets of picture and baseline differ "
        f"by {difference:.2f}, an error of {delta:.2f} logits. {remedy}",
    )


def _unfaithful(context: ProbeContext[MethodParameters]) -> Iterator[ResultWarning]:
    """Warn about an attribution whose order lowers the target more slowly than random order."""
    if "deletion" not in context.outputs:
        return
    gain = faithfulness.gain(context.outputs["deletion"], context.outputs["deletion_random"])
    if gain >= -MIN_LOGITS:
        return
    common = " That is common for Grad-CAM." if context.parameters.method == "grad_cam" else ""
    yield ResultWarning(
        "unfaithful",
        "The target falls more slowly while pixels are deleted in the order of the map than in "
        f"random order (faithfulness {gain:.2f} logits): the map ranks the wrong pixels first."
        f"{common}",
    )


def _tied(context: ProbeContext[MethodParameters]) -> Iterator[ResultWarning]:
    """Warn about an attribution most of whose pixels lie in tied pooling windows."""
    found = tied_and_shown(context)
    if found is None:
        return
    tied, shown = (int(mask.sum()) for mask in found)
    if tied <= TIED_SHARE * shown:
        return
    other = (
        "Compare the baselines mean and blur"
        if context.parameters.method == "integrated_gradients"
        else "Compare SmoothGrad"
    )
    yield ResultWarning(
        "pool-ties",
        f"{tied} of {shown} pixels lie in even areas, where values in a pooling window are equal "
        "and the gradient goes to the first of them, as in PyTorch; with another rule these pixels "
        f"have other attributions. {other}, without such ties.",
    )


def _without_ranks(context: ProbeContext[MethodParameters]) -> Iterator[ResultWarning]:
    """Warn about a sanity check whose rank correlations are not numbers."""
    if "sanity" not in context.outputs or np.isfinite(context.outputs["sanity"]).all():
        return
    count, least = int(context.outputs["sanity_pixels"]), faithfulness.MIN_COMPARED
    reason = (
        f"{count} pixels differ from the baseline, and at least {least} are compared"
        if count < least
        else f"all values of a map are equal at the {count} pixels that are compared"
    )
    yield ResultWarning("no-ranks", f"The sanity check has no rank correlations: {reason}.")
