"""Probe `embedding` of images: PCA map of the last hidden layer, nearest test images."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int
from pydantic import Field

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.cnn.pca import PCA
from models.data import test_images
from models.data.test_images import SelectedImages
from probes.declaration import (
    ModelContext,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Measure, Panels, Scatter, Tensor, Tiles
from probes.shared.needs import LAYERS_RECORD

COMPONENTS = 16
"""Number of principal axes of the embedding in the artifact `layers`."""


class EmbeddingParameters(Parameters):
    """Parameters of the probe `embedding`: principal axes to draw, and number of neighbours."""

    across: int = Field(0, ge=0, lt=COMPONENTS, description="Principal axis of the x direction.")
    upward: int = Field(1, ge=0, lt=COMPONENTS, description="Principal axis of the y direction.")
    neighbours: int = Field(8, ge=1, le=10, description="Number of nearest images.")


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


def check_embedding(call: ProbeCall[EmbeddingParameters]) -> None:
    """Raise `ParameterError` for an embedding along one axis that is given twice, or is missing."""
    parameters = call.parameters
    # A layer of fewer values has fewer axes.
    axes = len(call.model.artifacts["layers"].tensors["embedding.shares"])
    for name in ("across", "upward"):
        if getattr(parameters, name) >= axes:
            raise ParameterError(name, f"{name} must be one of the record's axes 0 to {axes - 1}")
    if parameters.across == parameters.upward:
        raise ParameterError("upward", "across and upward must be two different axes")


def embedding(context: ProbeContext[EmbeddingParameters]) -> Figure:
    """Embedding of the picture: PCA map among 2,000 test images, with its nearest neighbours.

    The map is a principal component analysis of the last hidden layer over all 10,000 test images.
    `across` and `upward` are the coordinates of 2,000 of them, sampled with a seed and
    coloured by digit, and of the picture, along two axes; shares are those of the total variance.
    Neighbours are nearest by Euclidean distance in the space of the first 16 axes, not on the map,
    where distant images can look near; each is named by its digit and its number in the test set.
    `votes` counts their digits.
    """
    parameters, classes = context.parameters, context.model.architecture.classes
    layer = embedded_layer(context.model.architecture)
    known = map_of(context.model)
    own = known.axes.project(context.outputs[layer].reshape(-1))
    distances = np.linalg.norm(known.coordinates - own, axis=1)
    # Stable, so that equal distances keep the order of the test set on every machine.
    nearest = np.argsort(distances, kind="stable")[: parameters.neighbours]
    shares = known.axes.explained_variance
    measures = (
        Measure("across_share", float(shares[parameters.across])),
        Measure("upward_share", float(shares[parameters.upward])),
        Measure("all_axes_share", float(shares.sum())),
    )
    scatter = _scatter(known, own, parameters, layer)
    near = (_neighbours(known, nearest), _distances(known, nearest, distances[nearest]))
    votes = np.bincount(known.pictures.labels[nearest], minlength=len(classes))
    tensor = Tensor("votes", "count", ("label",), votes, {"label": classes})
    counted = Bars("Digits of the neighbours", tensor, highlight=int(votes.argmax()))
    return Panels(
        "The picture among the test images",
        (scatter, counted, Panels("Nearest along all 16 axes", near)),
        measures=measures,
    )


def _scatter(
    known: Map,
    own: Float32[np.ndarray, " components"],
    parameters: EmbeddingParameters,
    layer: str,
) -> Scatter:
    """Scatter plot of the embedding: test images along two principal axes, the picture marked."""
    names = ("across", "upward")
    at = (parameters.across, parameters.upward)
    indices = {"image": known.pictures.indices.tolist()}
    test = [
        Tensor(
            name, "statistic", ("image",), np.ascontiguousarray(known.coordinates[:, axis]), indices
        )
        for name, axis in zip(names, at, strict=True)
    ]
    # Slices of length 1: a scatter plot takes vectors, for its marked points too.
    here = [
        Tensor(f"{name}.picture", "statistic", ("image",), own[axis : axis + 1])
        for name, axis in zip(names, at, strict=True)
    ]
    labels = known.pictures.labels
    digit = Tensor("label", "statistic", ("image",), labels, indices, colours.digits())
    title = f"Axes {at[0]} (across) and {at[1]} (upward) of {layer}, coloured by digit"
    return Scatter(title, test[0], test[1], colour=digit, marked=(here[0], here[1]))


def _neighbours(known: Map, nearest: Int[np.ndarray, " neighbours"]) -> Tiles:
    """Tiles of the test images nearest to the picture in the embedding, the nearest first."""
    held = known.pictures
    pairs = zip(held.labels[nearest], held.indices[nearest], strict=True)
    names = {"neighbour": [f"{label} · {index}" for label, index in pairs]}
    axes = ("neighbour", "y", "x")
    tensor = Tensor("neighbours", "input", axes, held.images[nearest], names, colours.intensities())
    return Tiles("Digit · number in the test set", tensor, 5)


def _distances(
    known: Map,
    nearest: Int[np.ndarray, " neighbours"],
    distances: Float32[np.ndarray, " neighbours"],
) -> Bars:
    names = {"neighbour": known.pictures.indices[nearest].tolist()}
    tensor = Tensor("distance", "statistic", ("neighbour",), distances, names)
    return Bars("How far away each is", tensor)


PROBES = (
    Probe(
        family="image",
        name="embedding",
        figure=embedding,
        parameters=EmbeddingParameters,
        program="trace",
        outputs=lambda network, _: (embedded_layer(network),),
        check=check_embedding,
        needs=(LAYERS_RECORD,),
    ),
)
