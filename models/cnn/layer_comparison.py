"""The layers of the CNN compared with each other: the record of layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, UInt8

from models.architecture import CLASSES, LAYERS
from models.cnn import linear_probes
from models.cnn.cka import Gram, centred_gram, cka
from models.cnn.pca import principal_axes
from models.cnn.unit_statistics import in_parts, tracer
from models.data import test_images
from models.data.datasets import Digits
from models.runtime.checkpoints import Tensors

SEED = 0
LEARNED_FROM = 3_000
"""Training images that a linear probe learns from: its steps cost the square of their number."""

COMPARED = 1_000
"""Test images over which layers are compared."""

MAPPED = 2_000
"""Test images that are shown on the map of the dense layer."""

COMPONENTS = 16
EMBEDDED = "relu4"
WHOLE = ("image", *LAYERS)
"""What is compared: the picture itself, too."""

Weights = Mapping[str, np.ndarray]
Images = UInt8[np.ndarray, "images 28 28"]


def layer_record(
    weights: Weights, milestones: Mapping[str, Weights], test: Digits, train: Digits
) -> tuple[Tensors, dict[str, Any]]:
    """Compare all layers, and each with itself during training.

    Returns:
        Tensors: `accuracy`, of a linear probe for each of `WHOLE`, `fitted`, the same over what it
        learned from, `control` and `control.fitted`, both for labels drawn at random, `gradient`,
        what is left of it for both; `cka` between all of `WHOLE`; `cka.training` of each milestone
        with the end, of each of `WHOLE`; `embedding.*`, principal axes of the last hidden layer and
        the coordinates of some test images; and these images. And what is to be said of them.
    """
    random = np.random.default_rng(SEED)
    chosen = {
        name: np.sort(random.choice(len(part.labels), count, replace=False))
        for name, part, count in (
            ("train", train, LEARNED_FROM),
            ("cka", test, COMPARED),
            ("map", test, MAPPED),
        )
    }
    lesson = Digits(train.images[chosen["train"]], train.labels[chosen["train"]])
    compared = test.images[chosen["cka"]]
    final = _grams(weights, compared)
    made = _probes(weights, lesson, test, random) | _embedding(weights, test, chosen["map"])
    made["cka"] = cka(final, final).astype(np.float32)
    before = [np.diagonal(cka(_grams(each, compared), final)) for each in milestones.values()]
    made["cka.training"] = np.array(before, np.float32).reshape(len(milestones), len(WHOLE))
    described = {
        "layers": WHOLE,
        "milestones": list(milestones),
        "majority": float(np.bincount(test.labels).max() / len(test.labels)),
        "learned_from": LEARNED_FROM,
        "compared": COMPARED,
        "penalty": linear_probes.PENALTY,
        "seed": SEED,
    }
    return made, described


def _values(weights: Weights, name: str, images: Images) -> Float32[np.ndarray, "images values"]:
    """Return all values of one layer, flattened."""
    if name == "image":
        return np.asarray(images.reshape(len(images), -1) / np.float32(255))
    trace = tracer(weights, (name,))
    return np.concatenate([_flat(trace(part)[name]) for part in in_parts(images)])


def _flat(values: Any) -> np.ndarray:
    return np.asarray(values).reshape(len(values), -1)


def _grams(weights: Weights, images: Images) -> list[Gram]:
    """Return the centred inner products of images as each layer sees them."""
    return [centred_gram(_values(weights, name, images)) for name in WHOLE]


def _probes(weights: Weights, lesson: Digits, test: Digits, random: np.random.Generator) -> Tensors:
    """Fit a probe to the digits, and one to random labels, on every layer."""
    learned, held_out = (
        np.stack([part.labels.astype(np.int32), random.integers(0, CLASSES, len(part.labels))])
        for part in (lesson, test)
    )
    found = [
        _probe(weights, name, (lesson.images, learned), (test.images, held_out)) for name in WHOLE
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
    weights: Weights, name: str, lesson: Tasks, held_out: Tasks
) -> tuple[list[float], list[float], list[float]]:
    """Return of each task the share that a probe of a layer gets right, learned and held out."""
    features = _values(weights, name, lesson[0])
    scale = linear_probes.standard(features)
    features = scale(features)
    probes = linear_probes.fit(features, lesson[1])
    fitted = [probe.guess(features) for probe in probes]
    guesses = [
        np.stack([probe.guess(scaled) for probe in probes])
        for part in in_parts(held_out[0])
        for scaled in [scale(_values(weights, name, part))]
    ]
    return (
        _share_right(np.stack(fitted), lesson[1]),
        _share_right(np.concatenate(guesses, axis=1), held_out[1]),
        [each.gradient for each in probes],
    )


def _share_right(
    guesses: Int[np.ndarray, "tasks images"], labels: Int[np.ndarray, "tasks images"]
) -> list[float]:
    return [float(each) for each in (guesses == labels).mean(axis=1)]


def _embedding(weights: Weights, test: Digits, chosen: Int[np.ndarray, " images"]) -> Tensors:
    """Map the test images by what the last hidden layer makes of them, and keep some."""
    values = _values(weights, EMBEDDED, test.images)
    axes = principal_axes(values, COMPONENTS)
    return {
        "embedding.mean": axes.mean,
        "embedding.components": axes.components,
        "embedding.shares": axes.shares,
        "embedding.coordinates": axes.place(values[chosen]).astype(np.float16),
        **test_images.packed(test.images, test.labels, chosen),
    }
