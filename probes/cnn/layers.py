"""The layers of the CNN compared: what can be read off each, and how alike they are."""

from collections.abc import Mapping

import numpy as np

from models.architecture import LAYERS
from models.runtime.checkpoints import Checkpoint
from probes.declaration import (
    Coloured,
    ModelContext,
    ParameterError,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Figure, Heatmap, Measure, Panels, Tensor

DEPTH = ("image", *LAYERS)
"""What is compared: the picture itself, too."""


def record_of(model: ModelContext, parameter: str) -> Checkpoint:
    """Return what is recorded of the layers.

    Raises:
        ParameterError: These weights have no such record.
    """
    if "layers" not in model.records:
        reason = "these weights have no record of layers: run python -m scripts.artifacts cnn"
        raise ParameterError(parameter, reason)
    return model.records["layers"]


def check_layers(call: ProbeCall[Coloured]) -> None:
    """Refuse weights without a record."""
    record_of(call.model, "cmap")


def layers(context: ProbeContext[Coloured]) -> Figure:
    """The layers compared: how well each lets the digit be read off it, and how alike they are.

    `accuracy` is that of a linear probe on the 10,000 test images: a multinomial logistic
    regression on the standardised values of the frozen layer (`image` being the pixels), learned
    from 3,000 training images drawn with a seed; `fitted` is the same over these. `majority` is
    what always guessing the most common digit gives, and `gradient_left` is 0 at the optimum of
    every regression. `control` is the accuracy for labels that were drawn at random for each image,
    whatever it shows: held out it can be no better than 0.1, and `control.fitted`, the share of
    random labels that the probe has learned by heart, says how much of `fitted` needs no digit.
    What can be read off a layer need not be used by the network: ablate it to know.

    `cka` is the debiased linear CKA of each pair of layers over 1,000 test images: 1 where one is a
    rotation of the other up to scale, about 0 (above or below) where they are unrelated.
    `cka.training` is that of each layer during training with the same layer at the end.
    """
    parameters = context.parameters
    record = record_of(context.model, "cmap")
    held, told = record.tensors, record.metadata
    measures = (
        Measure("majority", told["majority"]),
        Measure("learned_from", told["learned_from"], "images"),
        Measure("compared", told["compared"], "images"),
        Measure("gradient_left", float(held["gradient"].max())),
    )
    bars = [
        _bars("accuracy", "A linear probe, held out", held),
        _bars("fitted", "Over what it learned from", held),
        _bars("control", "For random labels, held out", held),
        _bars("control.fitted", "For random labels, over what it learned from", held),
    ]
    read = Panels("Read off by a linear probe", tuple(bars), 2, measures)
    names = {"layer": DEPTH, "other": DEPTH}
    alike = _alike("cka", ("other", "layer"), held, names, parameters.cmap)
    parts: list[Figure] = [Heatmap("Layers with each other", alike, "layer")]
    if told["milestones"]:
        names = {"checkpoint": told["milestones"], "layer": DEPTH}
        axes = ("checkpoint", "layer")
        during = _alike("cka.training", axes, held, names, parameters.cmap)
        parts.append(Heatmap("During training with the end", during, "layer"))
    return Panels("Layers compared", (read, Panels("Debiased linear CKA", tuple(parts))))


def _bars(name: str, title: str, held: Mapping[str, np.ndarray]) -> Bars:
    tensor = Tensor(name, "probability", ("layer",), held[name], {"layer": DEPTH})
    return Bars(title, tensor, (0.0, 1.0))


def _alike(
    name: str,
    axes: tuple[str, str],
    held: Mapping[str, np.ndarray],
    names: Coordinates,
    cmap: str,
) -> Tensor:
    return Tensor(name, "statistic", axes, held[name], names, colours.unit_interval(cmap))


PROBES = (
    Probe(
        model="cnn",
        name="layers",
        figure=layers,
        parameters=Coloured,
        input=False,
        check=check_layers,
    ),
)
