"""Unit statistics of the CNN over a data set: the artifact `units`."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int, UInt8

from models.architecture import Architecture
from models.cnn.layout import Layout, layout_of
from models.cnn.programs import network_definition, network_values
from models.data import test_images
from models.data.datasets import Digits
from models.runtime.checkpoints import Tensors
from models.runtime.programs import MATMUL_PRECISION

Images = UInt8[np.ndarray, "images 28 28"]
Trace = Callable[[UInt8[np.ndarray, "images 28 28"]], Mapping[str, Array]]

TOP_IMAGES = 9
"""CNN unit statistics: number of top-activating images that are kept for each channel."""

BINS = 32
# The values of all layers take 0.36 MB an image, those of a batch 91 MB.
ROWS = 250
"""CNN unit statistics: images per batch."""


def trace_function(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
    names: tuple[str, ...] | None = None,
) -> Trace:
    """Return a function from images to the CNN layers whose unit statistics are measured.

    Args:
        names: Layers; None for all.
    """
    held = {name: jnp.asarray(value) for name, value in weights.items()}
    wanted = tuple(architecture.layers) if names is None else names
    return lambda images: _trace(architecture, wanted, held, jnp.asarray(images))


@partial(jax.jit, static_argnums=(0, 1))
def _trace(
    architecture: Architecture,
    names: tuple[str, ...],
    parameters: Mapping[str, Array],
    images: UInt8[Array, "images 28 28"],
) -> dict[str, Array]:
    network = network_definition(architecture).merge(parameters)
    with jax.default_matmul_precision(MATMUL_PRECISION):
        values = network.trace(network_values(images))
    return {name: values[name] for name in names}


def batches(images: Images, rows: int = ROWS) -> Iterator[Images]:
    """Split the images of the CNN's unit statistics into batches."""
    return (images[start : start + rows] for start in range(0, len(images), rows))


def measure_units(
    architecture: Architecture, weights: Mapping[str, np.ndarray], test: Digits, train: Images
) -> Tensors:
    """Measure CNN unit statistics: channels on test images, mean values on training images.

    Returns:
        Of each layer before a nonlinearity, by channel: `strongest`, the top-activating test images
        in descending order, with `strongest.value` and, of maps, `strongest.place`, the row and
        column of the maximum; `highest_mean`, the largest mean over a map. A ReLU, or a max-pool
        that covers the map, has its maxima at the same images. Of every layer: `class_means`;
        `silent_values` and `silent_images`, the share of values and of images whose maximum is at
        or below zero; `histogram` of values and, of maps, `maxima.histogram` of the maximum over
        each image, with `range`, the ends of the bins (after a ReLU only values above zero are
        counted); `mean`, the mean of each value over the training images. Also the top-activating
        test images.
    """
    layout, trace = layout_of(architecture), trace_function(architecture, weights)
    seen = _summary(trace, test.images)
    made: Tensors = {}
    for name, each in seen.items():
        made |= _layer(layout, name, each, test.labels)
    for name, counts in _histograms(layout, trace, test.images, seen).items():
        made[f"{name}.histogram"] = counts
    for name in layout.linear_layers:
        made |= _strongest(architecture, name, seen[name])
    chosen = np.concatenate([made[f"{name}.strongest"].ravel() for name in layout.linear_layers])
    found = made | means(architecture, trace, train)
    return found | test_images.pack(test.images, test.labels, chosen)


def means(architecture: Architecture, trace: Trace, images: Images) -> Tensors:
    """CNN unit statistics: return `{layer}.mean`, each value's mean over images, channel last."""
    # float64 on the host: a float32 sum over the training images would lose digits.
    sums = {name: np.zeros(layer.shape) for name, layer in architecture.layers.items()}
    total = jax.jit(lambda values: {name: each.sum(axis=0) for name, each in values.items()})
    for part in batches(images):
        for name, each in total(trace(part)).items():
            sums[name] += np.asarray(each)
    # float16 halves the artifact, at a relative error of at most 5e-4.
    return {f"{name}.mean": (each / len(images)).astype(np.float16) for name, each in sums.items()}


@jax.jit
def _of_part(values: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """CNN unit statistics: reduce each map to maximum, its position, minimum, mean and silence.

    Silence is the share of values at or below zero.
    """
    flat = {n: each.reshape(len(each), -1, each.shape[-1]) for n, each in values.items()}
    return {
        name: {
            "maximum": each.max(axis=1),
            "place": each.argmax(axis=1),
            "minimum": each.min(axis=1),
            "mean": each.mean(axis=1),
            "silent": (each <= 0).mean(axis=1, dtype=jnp.float32),
        }
        for name, each in flat.items()
    }


def _summary(trace: Trace, images: Images) -> dict[str, Tensors]:
    """CNN unit statistics: return the reduced maps by layer, as arrays of image and channel."""
    parts = [jax.tree.map(np.asarray, _of_part(trace(part))) for part in batches(images)]
    return {
        name: {key: np.concatenate([part[name][key] for part in parts]) for key in parts[0][name]}
        for name in parts[0]
    }


def _layer(
    layout: Layout, name: str, seen: Tensors, labels: UInt8[np.ndarray, " images"]
) -> Tensors:
    """CNN unit statistics: return the statistics that every layer has."""
    classes = range(len(layout.architecture.classes))
    by_class = [seen["mean"][labels == label].mean(axis=0) for label in classes]
    rectified = _is_rectified(layout, name, seen)
    made = {
        "class_means": np.stack(by_class).astype(np.float32),
        "silent_values": seen["silent"].mean(axis=0, dtype=np.float64).astype(np.float32),
        "silent_images": (seen["maximum"] <= 0).mean(axis=0).astype(np.float32),
        "range": _range(seen["minimum"], seen["maximum"], rectified=rectified),
    }
    if name in layout.architecture.maps:
        ends = _range(seen["maximum"], seen["maximum"], rectified=rectified)
        made["maxima.range"] = ends
        counts = _counts(seen["maximum"], ends, rectified=rectified)
        made["maxima.histogram"] = counts.astype(np.uint16)
    return {f"{name}.{key}": value for key, value in made.items()}


def _range(
    low: np.ndarray, high: np.ndarray, *, rectified: bool
) -> Float32[np.ndarray, "channels 2"]:
    """CNN unit statistics: range of each channel's histogram; after a ReLU it begins at zero."""
    lowest = np.zeros(low.shape[-1], np.float32) if rectified else low.min(axis=0)
    # A constant channel has equal ends, thus bins of width 0: it gets a range of 1.
    highest = high.max(axis=0)
    return np.stack([lowest, np.where(highest > lowest, highest, lowest + 1)], axis=-1)


def _is_rectified(layout: Layout, name: str, seen: Tensors) -> bool:
    """CNN unit statistics: whether a layer comes after a nonlinearity without negative values."""
    return name not in layout.linear_layers and bool((seen["minimum"] >= 0).all())


def _counts(
    values: np.ndarray, ends: Float32[np.ndarray, "channels 2"], *, rectified: bool
) -> Int[np.ndarray, "channels bins"]:
    """CNN unit statistics: histogram of each channel; after a ReLU only of values above zero."""
    flat = values.reshape(-1, values.shape[-1])
    low, high = ends.T
    places = ((flat - low) * (BINS / (high - low))).astype(np.int32)
    # The maximum itself is the upper end of the last bin.
    np.minimum(places, BINS - 1, out=places)
    if rectified:
        # An additional bin, which is not returned.
        places[flat <= 0] = BINS
    # One count for all channels: each has its own range of bin numbers.
    places += (BINS + 1) * np.arange(flat.shape[-1], dtype=np.int32)
    counts = np.bincount(places.ravel(), minlength=(BINS + 1) * flat.shape[-1])
    return counts.reshape(-1, BINS + 1)[:, :BINS]


def _histograms(
    layout: Layout, trace: Trace, images: Images, seen: Mapping[str, Tensors]
) -> Tensors:
    """CNN unit statistics: histograms of every layer, by a second pass over the images."""
    rectified = {name: _is_rectified(layout, name, each) for name, each in seen.items()}
    ends = {
        name: _range(each["minimum"], each["maximum"], rectified=rectified[name])
        for name, each in seen.items()
    }
    made = {name: np.zeros((len(each), BINS), np.int64) for name, each in ends.items()}
    for part in batches(images):
        for name, values in trace(part).items():
            made[name] += _counts(np.asarray(values), ends[name], rectified=rectified[name])
    return {name: counts.astype(np.uint32) for name, counts in made.items()}


def _strongest(architecture: Architecture, name: str, seen: Tensors) -> Tensors:
    """CNN unit statistics: return the top-activating images of each channel; of ties the first."""
    order = np.argsort(-seen["maximum"], axis=0, kind="stable")[:TOP_IMAGES]
    made = {
        "strongest": order.T.astype(np.uint16),
        "strongest.value": np.take_along_axis(seen["maximum"], order, axis=0).T,
        "highest_mean": seen["mean"].max(axis=0),
    }
    if name in architecture.maps:
        flat = np.take_along_axis(seen["place"], order, axis=0).T
        places = np.stack(np.unravel_index(flat, architecture.layers[name].shape[:2]), axis=-1)
        made["strongest.place"] = places.astype(np.uint8)
    return {f"{name}.{key}": value for key, value in made.items()}
