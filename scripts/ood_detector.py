"""Train the out-of-distribution detector and print how often each kind of image warns.

    python -m scripts.ood_detector        # writes models/data/ood_detector.safetensors
    python -m scripts.ood_detector --only-measure --fonts FOLDER --count 2000

Takes some minutes of one CPU core. The same seed on the same machine gives the same file.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int, UInt8

from models.cnn import ood_detector, strokes
from models.cnn.ood_detector import NEITHER, SHAPES, OODDetector
from models.data import datasets
from models.runtime.checkpoints import Tensors
from probes.shared.input_warnings import image_warnings
from scripts import ood_test_images, ood_training_images
from scripts.ood_test_images import LETTERS

SEED = 0
VALIDATION = 10_000  # last images of the training set, used only to choose the limit
BUDGET = 0.005  # share of validation images that may warn; about as many are ambiguous
EPOCHS, BATCH, RATE, DECAY = 10, 128, 2e-3, 1e-3
REDRAWN, COARSE, DRAWN = 20_000, 20_000, 10_000  # augmented digits of each kind


class TrainingSet(NamedTuple):
    """Training set of the OOD detector: images, foreground up to 255; digits or `NEITHER`."""

    images: UInt8[np.ndarray, "images 28 28"]
    labels: Int[np.ndarray, " images"]


def training_set(digits: datasets.Digits, random: np.random.Generator) -> TrainingSet:
    """Build the OOD detector's training set: MNIST digits, augmented digits, images of no digit."""
    known, none = _digits(digits, random), _no_digits(digits, random)
    return TrainingSet(
        np.concatenate([known.images, none]),
        np.concatenate([known.labels, np.full(len(none), NEITHER)]).astype(np.int32),
    )


def _digits(digits: datasets.Digits, random: np.random.Generator) -> TrainingSet:
    """Build the digits of the OOD detector's training set: MNIST's, augmented, drawn, printed."""
    images, labels = digits
    again = random.permutation(len(images))[:REDRAWN]
    small = random.permutation(len(images))[:COARSE]
    figures = np.arange(5_000) % 10
    drawn, names = _drawn(DRAWN)
    parts = [
        (images, labels),
        (
            _many(REDRAWN, lambda at: ood_training_images.redrawn(images[again[at]], random)),
            labels[again],
        ),
        (
            _many(COARSE, lambda at: ood_training_images.coarse(images[small[at]], random)),
            labels[small],
        ),
        (_many(DRAWN, lambda at: ood_training_images.redrawn(drawn[at], random)), names),
        (
            _many(len(figures), lambda at: ood_training_images.glyph(str(figures[at]), random)),
            figures,
        ),
    ]
    return TrainingSet(
        np.concatenate([part for part, _ in parts]),
        np.concatenate([names for _, names in parts]).astype(np.int32),
    )


def _drawn(count: int) -> TrainingSet:
    """Draw digits for the OOD detector by strokes, as for the training of the CNN."""
    draw = jax.jit(strokes.draw_digits, static_argnums=1)
    parts = [draw(jax.random.key(at), 1_000) for at in range(count // 1_000)]
    images = np.concatenate([np.asarray(part * 255).round() for part, _ in parts])
    return TrainingSet(images.astype(np.uint8), np.concatenate([names for _, names in parts]))


def _no_digits(
    digits: datasets.Digits, random: np.random.Generator
) -> UInt8[np.ndarray, "images 28 28"]:
    """Build the images of no digit in the OOD detector's training set."""
    images, labels = digits
    # A rotated or mirrored 0, 1 or 8 may still be read as a digit.
    sided = images[~np.isin(labels, (0, 1, 8))]
    letters = _many(
        32_000, lambda number: ood_training_images.glyph(LETTERS[number % len(LETTERS)], random)
    )
    mixed = np.concatenate([images, letters])
    others = [
        letters,
        _many(10_000, lambda _: ood_training_images.scribble(random)),
        _many(14_000, lambda _: ood_training_images.chimera(random, mixed)),
        _many(6_000, lambda _: ood_training_images.turned(random, sided)),
        _many(6_000, lambda _: ood_training_images.spoilt(random, images)),
        _many(4_000, lambda _: ood_training_images.framed(random, images)),
        _many(4_000, lambda _: ood_training_images.blot(random)),
        _many(6_000, lambda _: ood_training_images.field(random)),
    ]
    return np.concatenate(others)


def _many(
    count: int, draw: Callable[[int], UInt8[np.ndarray, "28 28"]]
) -> UInt8[np.ndarray, "images 28 28"]:
    return np.stack([draw(number) for number in range(count)])


def fit(learned: TrainingSet, random: np.random.Generator, epochs: int = EPOCHS) -> Tensors:
    """Train the OOD detector's network to classify a digit, or to reject the image as none."""
    images, labels = learned
    steps = epochs * (len(images) // BATCH)
    rate = optax.warmup_cosine_decay_schedule(0, RATE, 200, steps)
    optimiser = optax.adamw(rate, b2=0.99, weight_decay=DECAY)

    def loss(parameters: Any, rows: Any, classes: Any) -> Any:
        logits = ood_detector.forward(parameters, rows / jnp.float32(255), jnp)
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes).mean()

    @jax.jit
    def step(parameters: Any, state: Any, rows: Any, classes: Any) -> Any:
        gradient = jax.grad(loss)(parameters, rows.astype(jnp.float32), classes)
        updates, state = optimiser.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state

    parameters = _initial(random)
    state = optimiser.init(parameters)
    for _ in range(epochs):
        order = random.permutation(len(images))[: steps // epochs * BATCH]
        for rows in order.reshape(-1, BATCH):
            # Centring rounds the centre of mass to a whole pixel, so a digit may be off by one.
            shift = tuple(random.integers(-1, 2, 2))
            moved = np.roll(images[rows], shift, axis=(1, 2))
            parameters, state = step(parameters, state, moved, labels[rows])
    return {name: np.asarray(value) for name, value in parameters.items()}


def _initial(random: np.random.Generator) -> dict[str, Float[np.ndarray, "..."]]:
    """Draw the OOD detector's initial weights (He et al., 2015) and zero biases."""
    scales = {name: np.sqrt(2 / shape[0]) * (len(shape) > 1) for name, shape in SHAPES.items()}
    return {
        name: (random.normal(size=shape) * scales[name]).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def calibrated(
    parameters: Tensors, images: UInt8[np.ndarray, "images 28 28"], budget: float = BUDGET
) -> OODDetector:
    """Calibrate the OOD detector: the lowest limit at which a share of `budget` of images warn."""
    endless = OODDetector(parameters, np.inf)
    others = np.array([bool(image_warnings(image, 0.0, np.inf)) for image in images])
    scores = np.where(others, np.inf, endless.scores(images))
    return OODDetector(parameters, float(np.quantile(scores, 1 - budget, method="higher")))


def refit() -> OODDetector:
    """Train the OOD detector on the MNIST training images and write it to its file."""
    random = np.random.default_rng(SEED)
    images, labels = datasets.mnist("train")
    learned = training_set(datasets.Digits(images[:-VALIDATION], labels[:-VALIDATION]), random)
    print(f"fitting to {len(learned.images):,} images", flush=True)
    fitted = calibrated(fit(learned, random), images[-VALIDATION:])
    metadata = {
        "seed": SEED,
        "data": f"MNIST train, all but the last {VALIDATION:,}, and scripts/ood_training_images.py",
        "limit_from": f"MNIST train, the last {VALIDATION:,}: {BUDGET:.1%} of them warn",
        "epochs": EPOCHS,
        "versions": {library.__name__: library.__version__ for library in (jax, np, optax)},
    }
    ood_detector.save(ood_detector.PATH, fitted, metadata)
    return fitted


def measure(fitted: OODDetector, fonts: Path | None, count: int) -> dict[str, float]:
    """Measure the OOD detector's share of warnings on MNIST and each kind of synthetic image."""
    kinds = ood_test_images.kinds(ood_test_images.fonts_in(fonts) if fonts else [])
    shares = {"MNIST test": ood_test_images.share_warned(datasets.mnist("test").images, fitted)}
    for number, (kind, draw) in enumerate(kinds.items()):
        images = ood_test_images.draw_many(draw, count, SEED + number)
        shares[kind] = ood_test_images.share_warned(images, fitted)
    return shares


def main() -> None:
    """Parse the command line of `scripts.ood_detector`, train the detector and measure it."""
    parser = argparse.ArgumentParser(description="Train and measure the OOD detector.")
    parser.add_argument("--only-measure", action="store_true", help="do not train")
    parser.add_argument("--fonts", type=Path, help="a folder of fonts to print letters in")
    parser.add_argument("--count", type=int, default=500, help="images of each kind")
    options = parser.parse_args()
    fitted = ood_detector.load() if options.only_measure else refit()
    for kind, share in measure(fitted, options.fonts, options.count).items():
        print(f"{kind:30} {share:7.2%}", flush=True)


if __name__ == "__main__":
    main()
