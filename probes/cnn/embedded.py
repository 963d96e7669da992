"""Probe `embedded` of images: the recorded test images of the embedding, or one of them."""

import numpy as np
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
from probes.declaration import ParameterError, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Panels, Tensor, Tiles
from probes.shared.needs import LAYERS_RECORD


class EmbeddedParameters(MapParameters):
    """Parameters of the probe `embedded`: the drawn axes, or one test image."""

    image: int | None = Field(
        None,
        ge=0,
        description="Number in the test set of one recorded image: its picture, and its "
        "coordinates along all axes; default the map of all.",
    )


def check_embedded(call: ProbeCall[EmbeddedParameters]) -> None:
    """Raise `ParameterError` for axes that make no map, and for an image that is not recorded."""
    check_axes(call)
    image = call.parameters.image
    recorded = map_of(call.model).pictures.indices
    if image is not None and image not in recorded:
        reason = f"image {image} is not one of the {len(recorded):,} recorded test images"
        raise ParameterError("image", reason)


def embedded(context: ProbeContext[EmbeddedParameters]) -> Figure:
    """Embedded test images: the map of the probe `embedding` without a picture, or one image.

    `across` and `upward` are the coordinates of 2,000 test images along two principal axes of the
    last hidden layer, `label` their digits, and the coordinate `image` their numbers in the test
    set. With `image` the answer has that one: `picture`, its pixels from 0 to 255, and
    `coordinates` along all axes.
    """
    parameters, known = context.parameters, map_of(context.model)
    layer = embedded_layer(context.model.architecture)
    if parameters.image is not None:
        return _one(known, parameters.image, layer)
    scatter = map_scatter(known, np.arange(len(known.coordinates)), parameters, layer)
    measures = share_measures(known, parameters)
    return Panels("The test images", (scatter,), measures=measures)


def _one(known: Map, image: int, layer: str) -> Panels:
    """Picture of one recorded test image, and its coordinates in the embedding."""
    at = known.pictures.positions(np.array([image]))
    axes, names = ("image", "y", "x"), {"image": picture_names(known, at)}
    pixels = known.pictures.images[at]
    picture = Tensor("picture", "input", axes, pixels, names, colours.intensities())
    coordinates = Tensor("coordinates", "statistic", ("axis",), known.coordinates[at[0]])
    figures = (
        Tiles("Digit · number in the test set", picture),
        Bars(f"Coordinates along all axes of {layer}", coordinates),
    )
    return Panels("One of the test images", figures)


PROBES = (
    Probe(
        family="image",
        name="embedded",
        figure=embedded,
        parameters=EmbeddedParameters,
        input=False,
        check=check_embedded,
        needs=(LAYERS_RECORD,),
    ),
)
