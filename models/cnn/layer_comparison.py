"""Layer comparison of the CNN (linear probes, CKA, PCA): the artifact `layers`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int, UInt8

from models.architecture import Architecture
from models.cnn import linear_probes
from models.cnn.cka import Gram, centred_gram, cka
from models.cnn.layout import layout_of
from models.cnn.pca import principal_axes
from models.cnn.unit_statistics import batches, trace_function
from models.data import test_images
from models.data.datasets import Digits
from models.runtime.checkpoints import Tensors

SEED = 0
PROBE_IMAGES = 3_000
"""Layer comparison: training images of a linear probe, whose steps cost the number squared."""

CKA_IMAGES = 1_000
"""Layer comparison: number of test images over which CKA is computed."""

EMBEDDED_IMAGES = 2_000
"""Layer comparison: number of test images of the PCA embedding."""

# They hold 96.0 % of the variance, and neighbours are found in them.
COMPONENTS = 16

Weights = Mapping[str, np.ndarray]
Images = UInt8[np.ndarray, "images 28 28"]


class _Network(NamedTuple):
    """Network of a layer comparison: its architecture and weights."""

    architecture: Architecture
    weights: Weights

    @property
    def representations(self) -> tuple[str, ...]:
        """Names of the compared representations: the input image and every layer."""
        return ("image", *self.architecture.layers)


def compare_layers(
    architecture: Architecture,
    weights: Weights,
    training_checkpoints: Mapping[str, Weights],
    test: Digits,
    train: Digits,
) -> tuple[Tensors, dict[str, Any]]:
    """Compare all layers of an image network, and each during training with its final state.

    Returns:
        Tensors: `accuracy`, test accuracy of a linear probe on each representation, which are the
        image and every layer; `fitted`, its training accuracy; `control` and `control.fitted`, both
        accuracies for random labels; `gradient`, the remaining gradient norms; `cka` between all
        representations; `cka.training` of each training checkpoint with the final weights, for each
        representation; `embedding.*`, principal axes of the last hidden layer and coordinates of
        some test images; and these images. Metadata: names, counts and seed.
    """
    random = np.random.default_rng(SEED)
    # Ascending, as `test_images.pack` keeps images: coordinates have the order of the images.
    chosen = {
        name: np.sort(random.choice(len(part.labels), count, replace=False))
        for name, part, count in (
            ("train", train, PROBE_IMAGES),
            ("cka", test, CKA_IMAGES),
            ("map", test, EMBEDDED_IMAGES),
        )
    }
    training_set = Digits(train.images[chosen["train"]], train.labels[chosen["train"]])
    compared = test.images[chosen["cka"]]
    network = _Network(architecture, weights)
    final = _grams(network, compared)
    made = _probes(network, training_set, test, random) | _embedding(network, test, chosen["map"])
    made["cka"] = cka(final, final).astype(np.float32)
    earlier = (_Network(architecture, one) for one in training_checkpoints.values())
    rows = [np.diagonal(cka(_grams(one, compared), final)) for one in earlier]
    shape = (len(rows), len(network.representations))
    made["cka.training"] = np.array(rows, np.float32).reshape(shape)
    return made, _metadata(network, list(training_checkpoints), test)


def _metadata(network: _Network, training_checkpoints: list[str], test: Digits) -> dict[str, Any]:
    """Return the layer comparison's metadata: names, counts, seed, under keys of the artifact."""
    return {
        "layers": network.representations,
        "milestones": training_checkpoints,
        "majority": float(np.bincount(test.labels).max() / len(test.labels)),
        "learned_from": PROBE_IMAGES,
        "compared": CKA_IMAGES,
        "penalty": linear_probes.PENALTY,
        "seed": SEED,
    }


def _values(network: _Network, name: str, images: Images) -> Float32[np.ndarray, "images values"]:
    """Return the values of one compared layer, or of the input image, flattened, for all images."""
    if name == "image":
        return np.asarray(images.reshape(len(images), -1) / np.float32(255))
    # One layer at a time: the values of all layers of 10,000 images take 3.6 GB.
    trace = trace_function(*network, (name,))
    return np.concatenate([_flat(trace(part)[name]) for part in batches(images)])


def _flat(values: Any) -> np.ndarray:
    return np.asarray(values).reshape(len(values), -1)


def _grams(network: _Network, images: Images) -> list[Gram]:
    """Return the centred Gram matrix of images for each layer of the comparison."""
    return [centred_gram(_values(network, name, images)) for name in network.representations]


def _probes(
    network: _Network, training_set: Digits, test: Digits, random: np.random.Generator
) -> Tensors:
    """Fit linear probes on every compared layer: one to the labels, one to random labels."""
    classes = len(network.architecture.classes)
    # A probe that also fits random labels shows how much its accuracy owes to memorising.
    training_labels, held_out = (
        np.stack([part.labels.astype(np.int32), random.integers(0, classes, len(part.labels))])
        for part in (training_set, test)
    )
    found = [
        _probe(network, name, (training_set.images, training_labels), (test.images, held_out))
        for name in network.representations
    ]
    fitted, right, left = (np.array(each, np.float32) for each in zip(*found, strict=True))
    return {
        "accuracy": right[:, 0].copy(),
        "fitted": fitted[:, 0].copy(),
        "control": right[:, 1].copy(),
        "control.fitted": fitted[:, 1].copy(),
        "gradient": left,
    }


Tasks = tuple[Images, Int[np.ndarray, "tasks images"]]


def _probe(
    network: _Network, name: str, training_set: Tasks, held_out: Tasks
) -> tuple[list[float], list[float], list[float]]:
    """Return accuracies of the linear probes on one compared layer, and the gradient that remains.

    These are training accuracy, test accuracy and gradient norm of the probe of each task.
    """
    features = _values(network, name, training_set[0])
    scale = linear_probes.standard(features)
    features = scale(features)
    probes = linear_probes.fit(features, training_set[1], len(network.architecture.classes))
    fitted = [probe.predict(features) for probe in probes]
    guesses = [
        np.stack([probe.predict(scaled) for probe in probes])
        for part in batches(held_out[0])
        for scaled in [scale(_values(network, name, part))]
    ]
    return (
        _accuracies(np.stack(fitted), training_set[1]),
        _accuracies(np.concatenate(guesses, axis=1), held_out[1]),
        [each.gradient for each in probes],
    )


def _accuracies(
    guesses: Int[np.ndarray, "tasks images"], labels: Int[np.ndarray, "tasks images"]
) -> list[float]:
    return [float(each) for each in (guesses == labels).mean(axis=1)]


def _embedding(network: _Network, test: Digits, chosen: Int[np.ndarray, " images"]) -> Tensors:
    """Compute the PCA embedding of the layer comparison: axes, and coordinates of test images.

    The axes are those of the last hidden layer.
    """
    layer = layout_of(network.architecture).last_hidden or "image"
    values = _values(network, layer, test.images)
    axes = principal_axes(values, min(COMPONENTS, values.shape[1]))
    return {
        "embedding.mean": axes.mean,
        "embedding.components": axes.components,
        "embedding.shares": axes.explained_variance,
        # float16 halves the coordinates, and is as precise as a map of them needs.
        "embedding.coordinates": axes.project(values[chosen]).astype(np.float16),
        **test_images.pack(test.images, test.labels, chosen),
    }
