"""Probe `layers` of images: linear probe accuracy of each layer, and CKA between layers."""

from collections.abc import Mapping

import numpy as np

from models.architecture import Architecture
from models.runtime.checkpoints import Checkpoint
from probes.declaration import Coloured, Probe, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Figure, Heatmap, Measure, Panels, Tensor
from probes.shared.needs import LAYERS_RECORD


def compared_layers(architecture: Architecture) -> tuple[str, ...]:
    """Return the representations that the probe `layers` compares: the image and all layers."""
    return ("image", *architecture.layers)


def layers(context: ProbeContext[Coloured]) -> Figure:
    """Layers compared: linear probe accuracy of each, and their similarity by linear CKA.

    `accuracy` is that of a linear probe on the 10,000 test images: a multinomial logistic
    regression on the standardised values of the frozen layer (`image` being the pixels), fitted to
    3,000 training images sampled with a seed; `fitted` is its accuracy on these. `majority` is the
    accuracy of the most common digit, and `gradient_left` is 0 at the optimum of each regression.
    `control` is the accuracy for random labels, drawn for each image and independent of its
    content: held out it cannot exceed 0.1 by more than chance, and `control.fitted`, the share of
    memorised random labels, shows how much `fitted` overfits. Information that is decodable from a
    layer need not be used by the network: test by ablation.

    `cka` is the debiased linear CKA of each pair of layers over 1,000 test images: 1 where one is a
    rotation of the other up to scale, about 0 (above or below) where they are unrelated.
    `cka.training` is that of each layer during training with the same layer at the end.
    """
    record, names = context.model.artifacts["layers"], compared_layers(context.model.architecture)
    alike = Panels("Debiased linear CKA", _similarities(record, names, context.parameters.cmap))
    return Panels("Layers compared", (_accuracies(record, names), alike))


def _accuracies(record: Checkpoint, names: tuple[str, ...]) -> Panels:
    """Bars in the probe `layers`: accuracy of linear probes, for digits and for random labels."""
    held, metadata = record.tensors, record.metadata
    measures = (
        Measure("majority", metadata["majority"], words="share of the largest class"),
        Measure("learned_from", metadata["learned_from"], "images"),
        Measure("compared", metadata["compared"], "images"),
        Measure("gradient_left", float(held["gradient"].max())),
    )
    bars = (
        _bars("accuracy", "A linear probe, held out", held, names),
        _bars("fitted", "Over what it learned from", held, names),
        _bars("control", "For random labels, held out", held, names),
        _bars("control.fitted", "For random labels, over what it learned from", held, names),
    )
    return Panels("Read off by a linear probe", bars, measures=measures)


def _similarities(record: Checkpoint, compared: tuple[str, ...], cmap: str) -> tuple[Figure, ...]:
    """Heatmaps in the probe `layers`: CKA between layers, and of training with its end."""
    names: Coordinates = {"layer": compared, "other": compared}
    alike = _cka("cka", ("other", "layer"), record, names, cmap)
    parts: list[Figure] = [Heatmap("Layers with each other", alike, "layer")]
    # Weights that were trained elsewhere come without training checkpoints.
    if checkpoints := record.metadata["milestones"]:
        names = {"checkpoint": checkpoints, "layer": compared}
        during = _cka("cka.training", ("checkpoint", "layer"), record, names, cmap)
        parts.append(Heatmap("During training with the end", during, "layer"))
    return tuple(parts)


def _bars(name: str, title: str, held: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Bars:
    tensor = Tensor(name, "probability", ("layer",), held[name], {"layer": names})
    return Bars(title, tensor, (0.0, 1.0))


def _cka(
    name: str, axes: tuple[str, str], record: Checkpoint, names: Coordinates, cmap: str
) -> Tensor:
    values, colour = record.tensors[name], colours.unit_interval(cmap)
    return Tensor(name, "statistic", axes, values, names, colour)


PROBES = (
    Probe(
        family="image",
        name="layers",
        figure=layers,
        parameters=Coloured,
        input=False,
        needs=(LAYERS_RECORD,),
    ),
)
