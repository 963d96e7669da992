"""Probe `embedding` of images: PCA map of the last hidden layer, nearest test images."""

from typing import Literal

import numpy as np
from jaxtyping import Float32, Int
from pydantic import Field

from probes.cnn.embedding_map import (
    Map,
    MapParameters,
    check_axes,
    embedded_layer,
    map_of,
    map_scatter,
    picture_names,
    share_measures,
)
from probes.declaration import Probe, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Panels, Tensor, Tiles
from probes.shared.needs import LAYERS_RECORD


class EmbeddingParameters(MapParameters):
    """Parameters of the probe `embedding`: number of neighbours, and the images on the map."""

    neighbours: int = Field(8, ge=1, le=10, description="Number of nearest images.")
    images: Literal["all", "nearest"] = Field(
        "all",
        description="Test images on the map: `all` that are recorded, or the `nearest` alone, a "
        "small answer for a picture that changes; the probe `embedded` has the others.",
    )


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
    shown = np.arange(len(distances)) if parameters.images == "all" else nearest
    scatter = map_scatter(known, shown, parameters, layer, own)
    near = (_neighbours(known, nearest), _distances(known, nearest, distances[nearest]))
    votes = np.bincount(known.pictures.labels[nearest], minlength=len(classes))
    tensor = Tensor("votes", "count", ("label",), votes, {"label": classes})
    counted = Bars("Digits of the neighbours", tensor, highlight=int(votes.argmax()))
    return Panels(
        "The picture among the test images",
        (scatter, counted, Panels("Nearest along all 16 axes", near)),
        measures=share_measures(known, parameters),
    )


def _neighbours(known: Map, nearest: Int[np.ndarray, " neighbours"]) -> Tiles:
    """Tiles of the test images nearest to the picture in the embedding, the nearest first."""
    names = {"neighbour": picture_names(known, nearest)}
    axes = ("neighbour", "y", "x")
    images = known.pictures.images[nearest]
    tensor = Tensor("neighbours", "input", axes, images, names, colours.intensities())
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
        check=check_axes,
        needs=(LAYERS_RECORD,),
    ),
)
