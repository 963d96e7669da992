"""Map of an image network's embedding: recorded test images along two principal axes."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int
from pydantic import Field

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.cnn.pca import PCA
from models.data import test_images
from models.data.test_images import SelectedImages
from probes.declaration import ModelContext, ParameterError, Parameters, ProbeCall
from probes.figures import colours
from probes.figures.figures import Measure, Scatter, Tensor

COMPONENTS = 16
"""Number of principal axes of the embedding in the artifact `layers`."""


class MapParameters(Parameters):
    """Parameters of an embedding's map: the two principal axes that are drawn."""

    across: int = Field(0, ge=0, lt=COMPONENTS, description="Principal axis of the x direction.")
    upward: int = Field(1, ge=0, lt=COMPONENTS, description="Principal axis of the y direction.")

    @property
    def axes(self) -> dict[str, int]:
        """Drawn principal axes of an embedding by direction."""
        return {"across": self.across, "upward": self.upward}


class Map(NamedTuple):
    """Embedding of the test images: PCA of the last hidden layer, read from the artifact `layers`.

    Attributes:
        axes: Mean, principal axes and shares of the variance.
        coordinates: Coordinates of each recorded test image along the axes.
        pictures: The recorded test images.
    """

    axes: PCA
    coordinates: Float32[np.ndarray, "images components"]
    pictures: SelectedImages


def embedded_layer(architecture: Architecture) -> str:
    """Return the layer whose values the embedding projects: the last hidden one."""
    return layout_of(architecture).last_hidden or "logits"


def map_of(model: ModelContext) -> Map:
    """Read the embedding's PCA from the artifact `layers`."""
    tensors = model.artifacts["layers"].tensors
    names = ("mean", "components", "shares")
    axes = PCA(*(tensors[f"embedding.{name}"] for name in names))
    coordinates = tensors["embedding.coordinates"].astype(np.float32)
    return Map(axes, coordinates, test_images.unpack(tensors))


def check_axes(call: ProbeCall[MapParameters]) -> None:
    """Raise `ParameterError` for an embedding along one axis that is given twice, or is missing."""
    chosen = call.parameters.axes
    # A layer of fewer values has fewer axes.
    axes = len(call.model.artifacts["layers"].tensors["embedding.shares"])
    for name, axis in chosen.items():
        if axis >= axes:
            raise ParameterError(name, f"{name} must be one of the record's axes 0 to {axes - 1}")
    if chosen["across"] == chosen["upward"]:
        raise ParameterError("upward", "across and upward must be two different axes")


def share_measures(known: Map, parameters: MapParameters) -> tuple[Measure, ...]:
    """Measures of an embedding: shares of the variance of the drawn axes, and of all axes."""
    shares = known.axes.explained_variance
    words = {"across": "share of the variance across", "upward": "upward"}
    drawn = (
        Measure(f"{name}_share", float(shares[axis]), words=words[name])
        for name, axis in parameters.axes.items()
    )
    return (*drawn, Measure("all_axes_share", float(shares.sum()), words="along all axes"))


def map_scatter(
    known: Map,
    shown: Int[np.ndarray, " shown"],
    parameters: MapParameters,
    layer: str,
    own: Float32[np.ndarray, " components"] | None = None,
) -> Scatter:
    """Scatter plot of the embedding: test images along two principal axes, the picture marked.

    Args:
        known: Recorded test images.
        shown: Positions of the drawn ones in the record.
        parameters: Drawn axes.
        layer: Layer that is embedded.
        own: Coordinates of the picture along all axes; None without a picture.
    """
    pictures, axes = known.pictures, parameters.axes
    indices = {"image": pictures.indices[shown].tolist()}
    across, upward = (
        Tensor(name, "statistic", ("image",), known.coordinates[shown, axis], indices)
        for name, axis in axes.items()
    )
    label = Tensor(
        "label", "statistic", ("image",), pictures.labels[shown], indices, colours.digits()
    )
    title = (
        f"Axes {parameters.across} (across) and {parameters.upward} (upward) of {layer}, "
        "coloured by digit"
    )
    marked = None if own is None else _marked(axes, own)
    return Scatter(title, across, upward, colour=label, marked=marked)


def _marked(axes: dict[str, int], own: Float32[np.ndarray, " components"]) -> tuple[Tensor, Tensor]:
    """Tensors of the picture's place on the map."""
    # Slices of length 1: a scatter plot takes vectors, for its marked points too.
    across, upward = (
        Tensor(f"{name}.picture", "statistic", ("image",), own[axis : axis + 1])
        for name, axis in axes.items()
    )
    return across, upward


def picture_names(known: Map, shown: Int[np.ndarray, " shown"]) -> list[str]:
    """Names of recorded test images of an embedding: the digit, and the number in the test set."""
    held = known.pictures
    pairs = zip(held.labels[shown], held.indices[shown], strict=True)
    return [f"{label} · {index}" for label, index in pairs]
