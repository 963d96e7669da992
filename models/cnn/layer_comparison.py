"""Layer comparison of the CNN (linear probes, CKA, PCA): the artifact `layers`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, UInt8

from models.cnn import linear_probes
from models.cnn.cka import Gram, centred_gram, cka
from models.cnn.pca import principal_axes
from models.cnn.unit_statistics import batches, trace_function
from models.data import test_images
from models.data.datasets import Digits
from models.runtime.checkpoints import Tensors
from models.simple_networks import CLASSES, LAYERS

SEED = 0
PROBE_IMAGES = 3_000
"""Layer comparison: training images of a linear probe, whose steps cost the number squared."""

CKA_IMAGES = 1_000
"""Layer comparison: number of test images over which CKA is computed."""

EMBEDDED_IMAGES = 2_000
"""Layer comparison: number of test images of the PCA embedding."""

# They hold 94.7 % of the variance, and neighbours are found in them.
COMPONENTS = 16
EMBEDDED_LAYER = "relu4"
REPRESENTATIONS = ("image", *LAYERS)
"""Layer comparison: names of the compared representations, the input image and every layer."""

Weights = Mapping[str, np.ndarray]
Images = UInt8[np.ndarray, "images 28 28"]


def compare_layers(
    weights: Weights, training_checkpoints: Mapping[str, Weights], test: Digits, train: Digits
) -> tuple[Tensors, dict[str, Any]]:
    """Compare all layers of the CNN, and each layer during training with its final state.

    Returns:
        Tensors: `accuracy`, test accuracy of a linear probe on each of `REPRESENTATIONS`; `fitted`,
        its training accuracy; `control` and `control.fitted`, both accuracies for random labels;
        `gradient`, the remaining gradient norms; `cka` between all of `REPRESENTATIONS`;
        `cka.training` of each training checkpoint with the final weights, for each of
        `REPRESENTATIONS`; `embedding.*`, principal axes of the last hidden layer and coordinates of
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
    final = _grams(weights, compared)
    made = _probes(weights, training_set, test, random) | _embedding(weights, test, chosen["map"])
    made["cka"] = cka(final, final).astype(np.float32)
    rows = [np.diagonal(cka(_grams(one, compared), final)) for one in training_checkpoints.values()]
    shape = (len(rows), len(REPRESENTATIONS))
    made["cka.training"] = np.array(rows, np.float32).reshape(shape)
    return made, _metadata(list(training_checkpoints), test)


def _metadata(training_checkpoints: list[str], test: Digits) -> dict[str, Any]:
    """Return the layer comparison's metadata: names, counts, seed, under keys of the artifact."""
    return {
        "layers": REPRESENTATIONS,
        "milestones": training_checkpoints,
        "majority": float(np.bincount(test.labels).max() / len(test.labels)),
        "learned_from": PROBE_IMAGES,
        "compared": CKA_IMAGES,
        "penalty": linear_probes.PENALTY,
        "seed": SEED,
    }


def _values(weights: Weights, name: str, images: Images) -> Float32[np.ndarray, "images values"]:
    """Return the values of one compared layer, or of the input image, flattened, for all images."""
    if name == "image":
        return np.asarray(images.reshape(len(images), -1) / np.float32(255))
    # One layer at a time: the values of all layers of 10,000 images take 3.6 GB.
    trace = trace_function(weights, (name,))
    return np.concatenate([_flat(trace(part)[name]) for part in batches(images)])


def _flat(values: Any) -> np.ndarray:
    return np.asarray(values).reshape(len(values), -1)


def _grams(weights: Weights, images: Images) -> list[Gram]:
    """Return the centred Gram matrix of images for each layer of the comparison."""
    return [centred_gram(_values(weights, name, images)) for name in REPRESENTATIONS]


def _probes(
    weights: Weights, training_set: Digits, test: Digits, random: np.random.Generator
) -> Tensors:
    """Fit linear probes on every compared layer: one to the digits, one to random labels."""
    # A probe that also fits random labels shows how much its accuracy owes to memorising.
    training_labels, held_out = (
        np.stack([part.labels.astype(np.int32), random.integers(0, CLASSES, len(part.labels))])
        for part in (training_set, test)
    )
    found = [
        _probe(weights, name, (training_set.images, training_labels), (test.images, held_out))
        for name in REPRESENTATIONS
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
    weights: Weights, name: str, training_set: Tasks, held_out: Tasks
) -> tuple[list[float], list[float], list[float]]:
    """Return accuracies of the linear probes on one compared layer, and the gradient that remains.

    These are training accuracy, test accuracy and gradient norm of the probe of each task.
    """
    features = _values(weights, name, training_set[0])
    scale = linear_probes.standard(features)
    features = scale(features)
    probes = linear_probes.fit(features, training_set[1])
    fitted = [probe.predict(features) for probe in probes]
    guesses = [
        np.stack([probe.predict(scaled) for probe in probes])
        for part in batches(held_out[0])
        for scaled in [scale(_values(weights, name, part))]
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


def _embedding(weights: Weights, test: Digits, chosen: Int[np.ndarray, " images"]) -> Tensors:
    """Compute the PCA embedding of the layer comparison: axes, and coordinates of test images.

    The axes are those of the last hidden layer.
    """
    values = _values(weights, EMBEDDED_LAYER, test.images)
    axes = principal_axes(values, COMPONENTS)
    return {
        "embedding.mean": axes.mean,
        "embedding.components": axes.components,
        "embedding.shares": axes.explained_variance,
        # float16 halves the coordinates, and is as precise as a map of them needs.
        "embedding.coordinates": axes.project(values[chosen]).astype(np.float16),
        **test_images.pack(test.images, test.labels, chosen),
    }
