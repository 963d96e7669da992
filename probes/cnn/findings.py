"""Probe `findings` of the CNN: three statements about its layers, measured on sample images."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import BeforeValidator, Field

from models.architecture import CLASSES
from models.data import samples
from models.runtime.programs import Call, Run, in_slices
from probes.cnn.unit_record import selectivity
from probes.declaration import Parameters, Probe, ProbeCall, ProbeContext, split_commas
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Lines, Tensor
from probes.shared.statements import Measurement, panels

Name = Literal["edges_to_patterns", "filters_specialise", "space_is_kept"]

TRACED_LAYERS = ("pool1", "pool2", "relu3", "relu4")
DEPTHS = ("image", *TRACED_LAYERS)
"""Representations of the CNN's finding `edges_to_patterns`, classified by the nearest mean."""

RANDOMISED = "reset-conv1"
"""Parameter set that the CNN's findings are compared with: random weights in all layers."""

SHIFT = 4
"""Shift of the images in the finding `space_is_kept`, in pixels: one position of relu3."""

EDGE_SHARE = 0.94
"""Finding `edges_to_patterns`: least energy outside the mean for the CNN's first edges."""


class CNNFindings(Parameters):
    """Parameters of the CNN's probe `findings`: the statements to measure."""

    finding: Annotated[list[Name], BeforeValidator(split_commas), Field(min_length=1)] = Field(
        ["edges_to_patterns", "filters_specialise", "space_is_kept"],
        description="Statements to measure; `/findings` lists them.",
    )


def run(_: ProbeCall[CNNFindings]) -> Run:
    """Trace the findings' sample images and shifted copies, with trained and random weights."""
    images = samples.load().images
    found: dict[str, np.ndarray] = {}
    for prefix, checkpoint in (("", None), ("reset.", RANDOMISED)):
        traced = yield from in_slices(_calls(images, TRACED_LAYERS, checkpoint))
        for name in TRACED_LAYERS:
            found[prefix + name] = np.stack([one[name] for one in traced])
        moved = np.roll(images, SHIFT, axis=2)
        traced = yield from in_slices(_calls(moved, ("relu3",), checkpoint))
        found[f"{prefix}moved"] = np.stack([one["relu3"] for one in traced])
    return found


def _calls(images: np.ndarray, names: tuple[str, ...], checkpoint: str | None) -> Iterator[Call]:
    wanted = frozenset(names)
    return (Call("cnn.trace", {"image": image}, wanted, checkpoint) for image in images)


def findings(context: ProbeContext[CNNFindings]) -> Figure:
    """Findings about the CNN's layers, each measured and compared with random weights.

    A statement is supported where `value` is at least `least`; `reference` is its value with random
    weights. Measured on the sample images, 20 of each digit.
    """
    parameters = context.parameters
    return panels((name, _MEASURED[name](context)) for name in dict.fromkeys(parameters.finding))


def _edges_to_patterns(context: ProbeContext[Parameters]) -> Measurement:
    """Measure the CNN finding `edges_to_patterns`: nearest-mean accuracy by layer."""
    by_depth = np.array(
        [
            [_nearest_mean(_values(context, prefix, name)) for name in DEPTHS]
            for prefix in ("", "reset.")
        ]
    )
    kernel = context.model.weights["conv1.kernel"].astype(np.float64).reshape(9, -1)
    energy = (kernel**2).sum(axis=0)
    # The energy of the mean is sum² / 9, the squared coefficient of the constant kernel.
    share = 1.0 - kernel.sum(axis=0) ** 2 / np.where(energy > 0, 9 * energy, 1.0)
    depth = {"depth": DEPTHS}
    curves = tuple(
        Tensor(name, "statistic", ("depth",), values.astype(np.float32), depth)
        for name, values in zip(("trained", "drawn_anew"), by_depth, strict=True)
    )
    filters = Tensor("edge_share", "statistic", ("channel",), share.astype(np.float32))
    return Measurement(
        float(by_depth[0, -1] - by_depth[0, 0]),
        (float(by_depth[1, -1] - by_depth[1, 0]),),
        (
            Lines("Images next to the mean of their own digit", curves, "depth", (0.0, 1.0)),
            Bars(
                "Share of each first filter's energy that is edges and lines", filters, (0.0, 1.0)
            ),
        ),
        bool(share.mean() >= EDGE_SHARE),
    )


def _values(
    context: ProbeContext[Parameters], prefix: str, name: str
) -> Float[np.ndarray, "samples values"]:
    if name == "image":
        return samples.load().images.reshape(len(samples.load().labels), -1) / 255.0
    values = context.outputs[prefix + name]
    return values.reshape(len(values), -1).astype(np.float64)


def _nearest_mean(values: Float[np.ndarray, "samples values"]) -> float:
    """Return the accuracy of a CNN finding's nearest-mean classifier, cross-validated two-fold."""
    labels = samples.load().labels
    # Two-fold cross-validation: no sample is compared with a mean that includes it.
    half = np.arange(len(labels)) % 2 == 0
    right = [_right(values, labels, known) for known in (half, ~half)]
    return float(np.concatenate(right).mean())


def _right(
    values: Float[np.ndarray, "samples values"],
    labels: Int[np.ndarray, " samples"],
    known: np.ndarray,
) -> np.ndarray:
    means = np.stack([values[known & (labels == digit)].mean(axis=0) for digit in range(CLASSES)])
    # |v - m|² without |v|², which is equal for all means.
    apart = (means**2).sum(axis=1) - 2 * values[~known] @ means.T
    return np.asarray(apart.argmin(axis=1) == labels[~known])


def _filters_specialise(context: ProbeContext[Parameters]) -> Measurement:
    """Measure the CNN finding `filters_specialise`: class selectivity, trained and random."""
    # Sorted by value: channels of two sets of weights have no common order.
    trained, reset = (
        np.sort(
            selectivities(
                context.outputs[f"{prefix}relu3"].mean(axis=(2, 3)), samples.load().labels
            )
        )
        for prefix in ("", "reset.")
    )
    rank = ("rank",)
    curves = tuple(
        Tensor(name, "statistic", rank, values.astype(np.float32))
        for name, values in (("selectivity", trained), ("selectivity_drawn_anew", reset))
    )
    ratio = float(trained.mean() / reset.mean()) if reset.mean() else 0.0
    title = "Class selectivity of the channels of relu3, the least first"
    by_digit = _by_digit(context.outputs["relu3"].mean(axis=(2, 3)))
    figures = (Lines(title, curves, "rank", (0.0, 1.0)), by_digit)
    return Measurement(ratio, (1.0,), figures)


def _by_digit(values: Float[np.ndarray, "samples channels"]) -> Heatmap:
    """Heatmap of a CNN finding: mean activation by digit, relative to each channel's largest."""
    means = _means(values, samples.load().labels)
    most = means.max(axis=0)
    share = (means / np.where(most > 0, most, 1.0)).astype(np.float32)
    # Channels with one favourite digit stand together.
    order = np.argsort(share.argmax(axis=0), kind="stable")
    tensor = Tensor(
        "activation_by_digit",
        "statistic",
        ("digit", "channel"),
        np.ascontiguousarray(share[:, order]),
        {"channel": order.tolist()},
        colours.unit_interval("viridis"),
    )
    return Heatmap(
        "Mean activation by digit, as a share of the channel's largest", tensor, "channel"
    )


def selectivities(
    values: Float[np.ndarray, "samples channels"], labels: Int[np.ndarray, " samples"]
) -> Float[np.ndarray, " channels"]:
    """Return the class selectivity of each channel in a CNN finding; 0 for a channel of zeros."""
    return np.array([selectivity(means) or 0.0 for means in _means(values, labels).T])


def _means(
    values: Float[np.ndarray, "samples channels"], labels: Int[np.ndarray, " samples"]
) -> Float[np.ndarray, "digits channels"]:
    return np.stack([values[labels == digit].mean(axis=0) for digit in range(CLASSES)])


def _space_is_kept(context: ProbeContext[Parameters]) -> Measurement:
    """Measure the CNN finding `space_is_kept`: correlate shifted images' maps, shifted back."""
    found = {
        prefix: _moved_back(context.outputs[f"{prefix}relu3"], context.outputs[f"{prefix}moved"])
        for prefix in ("", "reset.")
    }
    # The most active channel of the first sample, so that the picture is not black.
    strongest = int(context.outputs["relu3"][0].max(axis=(1, 2)).argmax())
    maps = [context.outputs[name][0, strongest] for name in ("relu3", "moved")]
    colour = colours.non_negative(np.stack(maps), "viridis")
    figures = tuple(
        Heatmap(
            title,
            Tensor(name, "post_activation", ("y", "x"), one, colour=colour),
            "x",
        )
        for title, name, one in zip(
            (
                f"Channel {strongest} of relu3",
                "The same of the picture moved 4 pixels to the right",
            ),
            ("map", "map_moved"),
            maps,
            strict=True,
        )
    )
    why = "It follows from the convolutions: networks with random weights keep them too."
    return Measurement(found[""], (found["reset."],), figures, columns=2, why=why)


def _moved_back(
    maps: Float[np.ndarray, "samples channels 7 7"],
    moved: Float[np.ndarray, "samples channels 7 7"],
) -> float:
    """Return a CNN finding's correlation of maps with those of shifted images; 0 if constant.

    The border is left out: its values come from the opposite side of the image.
    """
    # A shift by one position, written as two slices.
    here, there = maps[..., 1:-2].ravel(), moved[..., 2:-1].ravel()
    if not here.std() or not there.std():
        return 0.0
    return float(np.corrcoef(here.astype(np.float64), there.astype(np.float64))[0, 1])


_MEASURED: Mapping[str, Callable[[ProbeContext[CNNFindings]], Measurement]] = {
    "edges_to_patterns": _edges_to_patterns,
    "filters_specialise": _filters_specialise,
    "space_is_kept": _space_is_kept,
}

PROBES = (
    Probe(
        model="cnn",
        name="findings",
        figure=findings,
        parameters=CNNFindings,
        run=run,
        rows=lambda _: 4 * len(samples.load().labels),
        input=False,
        example={"finding": "filters_specialise"},
    ),
)
