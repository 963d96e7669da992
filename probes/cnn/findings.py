"""Probe `findings` of the CNN: three statements about its layers, measured on sample images."""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache
from math import prod
from statistics import fmean
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32, Int, UInt8
from pydantic import BeforeValidator, Field

from models.cnn.layout import CONVOLVED_IMAGES, layout_of
from models.cnn.random_convolutions import permuted, redrawn
from models.data import samples
from models.runtime.checkpoints import Tensors
from models.runtime.programs import Call, Outputs, Run, in_slices
from probes.cnn.finding_figures import (
    DEPTHS,
    DRAWS,
    TUNED_LAYERS,
    by_digit,
    exchange_bars,
    maps_of,
    selectivity_lines,
    similarity_lines,
    tuning_bars,
    tuning_lines,
)
from probes.cnn.gratings import (
    amplitudes,
    frequency_selectivity,
    gratings,
    orientation_selectivity,
)
from probes.cnn.representations import position_r2, same_digit_auc
from probes.cnn.specialisation import Interchange, interchange, logits, selectivity
from probes.declaration import Parameters, Probe, ProbeCall, ProbeContext, split_commas
from probes.figures.figures import Bars, Figure, Tensor
from probes.shared.held_bytes import floats
from probes.shared.needs import DIGITS, SIMPLE_CNN
from probes.shared.statements import STATEMENTS, Measurement, panels

Name = Literal["edges_to_patterns", "filters_specialise", "space_is_kept"]

REACH = 4
"""CNN findings: longest displacement of the images of `space_is_kept` along an axis, in pixels."""

POSITION_SEED = 2026

MORE_TUNED = 0.05
"""CNN findings: least orientation selectivity of conv2 above its mean with permuted weights.

Set, like `LOST` and `MORE_SELECTIVE`, between trained networks and controls of the tuning part of
`scripts.findings`.
"""

LOST = 0.3
"""CNN findings: least accuracy that permuted convolutions cost a network that depends on them."""

MORE_SELECTIVE = 0.04
"""CNN findings: least selectivity of channels above the mean of random convolutions."""


class CNNFindings(Parameters):
    """Parameters of the CNN's probe `findings`: the statements to measure."""

    finding: Annotated[list[Name], BeforeValidator(split_commas), Field(min_length=1)] = Field(
        ["edges_to_patterns", "filters_specialise", "space_is_kept"],
        description="Statements to measure; `/findings` lists them.",
    )


@cache
def displacements() -> Int[np.ndarray, "samples 2"]:
    """Displacement of each sample image of a CNN finding, down and to the right, in pixels."""
    random = np.random.default_rng(POSITION_SEED)
    drawn = random.integers(-REACH, REACH + 1, (len(samples.load().labels), 2))
    # One position of relu3 to the right: the maps of this image are drawn.
    drawn[0] = (0, 4)
    return drawn


@cache
def displaced_images() -> UInt8[np.ndarray, "samples 28 28"]:
    """Sample images of a CNN finding, each displaced by its displacement."""
    moved = [
        np.roll(image, offset, axis=(0, 1))
        for image, offset in zip(samples.load().images, displacements(), strict=True)
    ]
    return np.stack(moved)


def run(call: ProbeCall[CNNFindings]) -> Run:
    """Measure the CNN's convolutions and random ones on the images of the asked findings."""
    weights, asked = call.model.weights, set(call.parameters.finding)
    layout = layout_of(call.model.architecture)
    trained = {name: weights[name] for name in layout.convolution_parameters}
    mixed = [permuted(weights, layout.convolutions, seed) for seed in range(DRAWS)]
    drawn = [redrawn(weights, layout.convolutions, seed) for seed in range(DRAWS)]
    found: Outputs = {}
    if "edges_to_patterns" in asked:
        found |= yield from _tuning([trained, *mixed])
    if asked & {"edges_to_patterns", "filters_specialise"}:
        found |= yield from _digits(weights, [trained, *mixed, *drawn])
    if "space_is_kept" in asked:
        found |= yield from _positions([trained, *drawn])
    return found


Measuring = Generator[Sequence[Call], list[Outputs], Outputs]


def _convolved(
    images: UInt8[np.ndarray, "images 28 28"], convolutions: Tensors, names: Sequence[str]
) -> Measuring:
    """Compute the feature maps of any number of images of a CNN finding."""
    padded = np.pad(images, ((0, -len(images) % CONVOLVED_IMAGES), (0, 0), (0, 0)))
    parts = padded.reshape(-1, CONVOLVED_IMAGES, *images.shape[1:])
    calls = (Call("convolve", {"images": part, **convolutions}, frozenset(names)) for part in parts)
    traced = yield from in_slices(calls)
    return {name: np.concatenate([one[name] for one in traced])[: len(images)] for name in names}


def _tuning(networks: list[Tensors]) -> Measuring:
    """Measure the tuning of the CNN's first layers to gratings, by network and channel."""
    found: dict[str, list[np.ndarray]] = {}
    for convolutions in networks:
        maps = yield from _convolved(gratings(), convolutions, TUNED_LAYERS)
        for layer in TUNED_LAYERS:
            modulation = amplitudes(maps[layer])
            found.setdefault(f"orientation.{layer}", []).append(orientation_selectivity(modulation))
            found.setdefault(f"frequency.{layer}", []).append(frequency_selectivity(modulation))
    return {name: np.stack(each) for name, each in found.items()}


def _digits(weights: Mapping[str, np.ndarray], networks: list[Tensors]) -> Measuring:
    """Measure the CNN's maps by digit: similarity, accuracy and selectivity by network."""
    images, labels = samples.load().images, samples.load().labels
    similar, right, selective = [], [], []
    exchange: Outputs = {}
    for convolutions in networks:
        maps = yield from _convolved(images, convolutions, DEPTHS)
        similar.append([same_digit_auc(_flat(maps[name]), labels) for name in DEPTHS])
        right.append((logits(weights, maps["relu3"]).argmax(axis=1) == labels).mean())
        maxima = maps["relu3"].max(axis=(2, 3))
        selective.append(selectivity(maxima, labels))
        if not exchange:
            swapped = interchange(weights, maps["relu3"], labels)
            shuffled = np.random.default_rng(0).permutation(labels)
            exchange = {
                "exchange": np.array([swapped.selective, *swapped.random]),
                "shuffled": selectivity(maxima, shuffled),
                "means": np.stack(
                    [maxima[labels == digit].mean(axis=0) for digit in range(len(DIGITS))]
                ),
            }
    return {
        "similar": np.array(similar),
        "right": np.array(right),
        "selective": np.stack(selective),
        **exchange,
    }


def _positions(networks: list[Tensors]) -> Measuring:
    """Measure how well the CNN's last maps, and their channel means, tell an image's position."""
    explained: list[list[float]] = []
    picture: Outputs = {}
    wanted = displacements().astype(np.float64)
    for convolutions in networks:
        maps = (yield from _convolved(displaced_images(), convolutions, ("relu3",)))["relu3"]
        means = maps.mean(axis=(2, 3))
        explained.append([position_r2(each, wanted) for each in (_flat(maps), means)])
        if not picture:
            still = yield from _convolved(samples.load().images[:1], convolutions, ("relu3",))
            picture = {"still": still["relu3"][0], "moved": maps[0]}
    return {"explained": np.array(explained), **picture}


def _flat(maps: Float32[np.ndarray, "images ..."]) -> Float32[np.ndarray, "images values"]:
    return maps.reshape(len(maps), -1)


def findings(context: ProbeContext[CNNFindings]) -> Figure:
    """Findings about the CNN's layers, each measured and compared with random convolutions.

    A statement is supported where `value` is at least `least`, above the value of every reference
    network, and the further conditions of its description hold. Measured on the sample images, 20
    of each digit.
    """
    return panels(measurements(context).items())


def measurements(context: ProbeContext[CNNFindings]) -> dict[str, Measurement]:
    """Return the measurement of each asked finding of the CNN, by name."""
    return {name: _MEASURED[name](context) for name in dict.fromkeys(context.parameters.finding)}


def _edges_to_patterns(context: ProbeContext[CNNFindings]) -> Measurement:
    """Measure the CNN finding `edges_to_patterns`: tuning of conv2, similarity by layer."""
    similar = context.outputs["similar"]
    rise, *random_rise = (similar[:, -1] - similar[:, 0]).tolist()
    tuned, *permuted_tuned = context.outputs["orientation.conv2"].mean(axis=1).tolist()
    right, *permuted_right = context.outputs["right"][: 1 + DRAWS].tolist()
    plain, lost = fmean(permuted_tuned), right - fmean(permuted_right)
    edges = tuned > max(permuted_tuned) and tuned - plain >= MORE_TUNED
    least = STATEMENTS["edges_to_patterns"].least
    why = _sentence(
        {
            "the filters of conv2 are hardly more tuned to the orientation of gratings than with "
            f"permuted weights ({tuned:.2f}, {plain:.2f})": not edges,
            "from pool1 to relu3 images of one digit become hardly more similar than by random "
            f"convolutions ({rise:.3f}, {max(random_rise):.3f})": not _learned(
                rise, random_rise, least
            ),
            "the answers hardly depend on the convolutions: permuted weights cost "
            f"{lost:.2f} of accuracy": lost < LOST,
        }
    )
    figures = (
        similarity_lines(similar),
        tuning_bars(context.outputs),
        tuning_lines(context.outputs["orientation.conv2"]),
    )
    return Measurement(rise, tuple(random_rise), figures, edges and lost >= LOST, why=why)


def _learned(value: float, references: Sequence[float], least: float) -> bool:
    """Whether the value of a CNN finding is at least `least`, and above every reference."""
    return value >= least and value > max(references)


def _sentence(reasons: Mapping[str, bool]) -> str:
    """Join the reasons that apply, why a CNN finding is not supported, to one sentence."""
    text = "; ".join(reason for reason, applies in reasons.items() if applies)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _filters_specialise(context: ProbeContext[CNNFindings]) -> Measurement:
    """Measure the CNN finding `filters_specialise`: interchange of channels, and selectivity."""
    exchange = Interchange(float(context.outputs["exchange"][0]), context.outputs["exchange"][1:])
    selective, *random = context.outputs["selective"].mean(axis=1).tolist()
    shuffled = float(context.outputs["shuffled"].mean())
    plain = fmean(random)
    also = selective > max(*random, shuffled) and selective - plain >= MORE_SELECTIVE
    least = STATEMENTS["filters_specialise"].least
    why = _sentence(
        {
            "channels that are selective for a digit hardly carry it: exchanging them changes the "
            f"answer to the other image's digit in {exchange.selective:.2f}, random ones in "
            f"{exchange.random.mean():.2f}": not _learned(
                exchange.gain, exchange.random_gains, least
            ),
            "the channels of relu3 are hardly more selective than those of random convolutions "
            f"({selective:.2f}, {plain:.2f})": not also,
        }
    )
    figures = (
        exchange_bars(exchange),
        selectivity_lines(context.outputs["selective"]),
        by_digit(context.outputs["means"]),
    )
    return Measurement(exchange.gain, exchange.random_gains, figures, also, why=why)


def _space_is_kept(context: ProbeContext[CNNFindings]) -> Measurement:
    """Measure the CNN finding `space_is_kept`: linear readout of an image's displacement."""
    (trained, without), *random = context.outputs["explained"].tolist()
    plain = fmean(maps for maps, _ in random)
    names = ("maps of relu3", "maps of random convolutions", "means of the maps of relu3")
    values = np.array([trained, plain, without], np.float32)
    tensor = Tensor("explained", "statistic", ("read",), values, {"read": names})
    bars = Bars("Variance of the image's displacement that a linear readout explains", tensor)
    least = STATEMENTS["space_is_kept"].least
    kept = "as well as from these" if trained >= least else "and not from these"
    why = (
        f"Positions are read from random convolutions ({plain:.2f}) {kept} ({trained:.2f}): maps "
        "keep them by the architecture alone."
    )
    random_values = tuple(maps for maps, _ in random)
    also = max(random_values) < least
    return Measurement(trained, random_values, (bars, maps_of(context.outputs)), also, why=why)


_MEASURED: Mapping[str, Callable[[ProbeContext[CNNFindings]], Measurement]] = {
    "edges_to_patterns": _edges_to_patterns,
    "filters_specialise": _filters_specialise,
    "space_is_kept": _space_is_kept,
}


def _rows(call: ProbeCall[CNNFindings]) -> int:
    """Return the number of images, over all networks, that a call of the CNN's findings runs."""
    asked, count = set(call.parameters.finding), len(samples.load().labels)
    tuned = (1 + DRAWS) * len(gratings()) if "edges_to_patterns" in asked else 0
    of_digits = (1 + 2 * DRAWS) * count if asked - {"space_is_kept"} else 0
    displaced = (1 + DRAWS) * count + 1 if "space_is_kept" in asked else 0
    return tuned + of_digits + displaced


def _held(call: ProbeCall[CNNFindings]) -> int:
    """Return the bytes that measuring the CNN's findings holds: all maps of one network."""
    layers, layout = call.model.architecture.layers, layout_of(call.model.architecture)
    names = {*DEPTHS, *TUNED_LAYERS}
    maps = floats(sum(prod(layers[name].shape) for name in names))
    convolutions = floats(
        sum(call.model.weights[one].size for one in layout.convolution_parameters)
    )
    images = max(len(samples.load().labels), len(gratings()), len(displaced_images()))
    # Parts, then all of them together; parameters of each network.
    return images * 3 * maps // 2 + (1 + 2 * DRAWS) * convolutions


PROBES = (
    Probe(
        family="image",
        name="findings",
        figure=findings,
        parameters=CNNFindings,
        run=run,
        rows=_rows,
        held=_held,
        input=False,
        checkpoints=True,
        example={"finding": "filters_specialise"},
        needs=(SIMPLE_CNN,),
    ),
)
