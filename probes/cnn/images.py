"""Images of a network: values that it reads, intensities, and the picture that is drawn of them."""

import numpy as np
from jaxtyping import Float32, Shaped

from models.architecture import Architecture
from models.cnn.layout import layout_of
from probes.declaration import Parameters, ProbeContext
from probes.figures import colours
from probes.figures.figures import Colour, Tensor

Image = Float32[np.ndarray, "height width *channels"]
"""Image as the gradient programs read it: of MNIST without a channel axis, of others with one."""

COLOURS = ("red", "green", "blue")
"""Names of the channels of an RGB image, along the axis `colour` of a picture."""


def network_image(architecture: Architecture, row: Shaped[np.ndarray, "..."]) -> Image:
    """Return the network's values of an image: of MNIST intensities in [0, 1].

    Args:
        row: Image as predict and trace read it.
    """
    # Scaled in float32, as in the programs.
    is_mnist = layout_of(architecture).is_mnist
    return row.astype(np.float32) / np.float32(255) if is_mnist else row


def intensities(architecture: Architecture, image: Image) -> Image:
    """Return the intensities of an image's values, 0 black to 1 full."""
    if layout_of(architecture).is_mnist:
        return image
    mean, deviation = _statistics(architecture)
    return np.asarray(image * deviation + mean, np.float32)


def values_of(architecture: Architecture, image: Image) -> Image:
    """Return the network's values of an image of intensities: (intensity - mean) / std."""
    if layout_of(architecture).is_mnist:
        return image
    mean, deviation = _statistics(architecture)
    return np.asarray((image - mean) / deviation, np.float32)


def deviations(architecture: Architecture) -> Float32[np.ndarray, "..."]:
    """Return the intensities of one unit of an image's values: the declared std of each channel."""
    if layout_of(architecture).is_mnist:
        return np.ones((), np.float32)
    return _statistics(architecture)[1]


def channel_first(image: Image) -> Float32[np.ndarray, "channels height width"]:
    """Return an image as feature maps, channel first."""
    return image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)  # noqa: PLR2004


def per_pixel(values: Shaped[np.ndarray, "height width *channels"]) -> Shaped[np.ndarray, "..."]:
    """Return whether a property holds for any channel of an image's pixels."""
    return values if values.ndim == 2 else np.asarray(values.any(axis=-1))  # noqa: PLR2004


def picture(context: ProbeContext[Parameters]) -> Tensor:
    """Return the input image to draw, integers 0 to 255: the picture before mean and std."""
    architecture, row = context.model.architecture, context.input.row["image"]
    if not layout_of(architecture).is_mnist:
        shades = np.round(intensities(architecture, row) * 255)
        row = np.clip(shades, 0, 255).astype(np.uint8)
    return drawn("image", row, colours.intensities())


def drawn(
    name: str,
    images: Shaped[np.ndarray, "..."],
    colour: Colour,
    *axes: str,
) -> Tensor:
    """Return the tensor of one image or several, drawn in grey or in RGB.

    Args:
        images: Rows, columns and, but for MNIST, channels last.
        axes: Axes before the rows.
    """
    around = len(axes)
    if images.ndim == around + 2:
        return Tensor(name, "input", (*axes, "y", "x"), images, colour=colour)
    if images.shape[-1] == 1:
        return Tensor(name, "input", (*axes, "y", "x"), images[..., 0], colour=colour)
    first = np.ascontiguousarray(np.moveaxis(images, -1, around))
    return Tensor(name, "input", (*axes, "colour", "y", "x"), first, {"colour": COLOURS}, colour)


def _statistics(
    architecture: Architecture,
) -> tuple[Float32[np.ndarray, " channels"], Float32[np.ndarray, " channels"]]:
    image = architecture.image
    return np.array(image.mean, np.float32), np.array(image.std, np.float32)
