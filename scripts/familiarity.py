"""Fit what tells familiar images from others, and print how often each kind of image warns.

    python -m scripts.familiarity                    # writes models/records/familiarity.safetensors
    python -m scripts.familiarity --only-measure --fonts FOLDER --count 2000

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

from models.cnn import ood_detector
from models.cnn.ood_detector import NEITHER, SHAPES, OODDetector
from models.data import datasets
from models.runtime.checkpoints import Tensors
from probes.shared.input_warnings import image_warnings
from scripts import calibration, marks
from scripts.calibration import LETTERS

SEED = 0
VALIDATION = 10_000  # the last images of the training set choose the limit, and nothing else
BUDGET = 0.008  # of validation images may warn: 0.01 is promised, and a test set varies
EPOCHS, BATCH, RATE, DECAY = 10, 128, 2e-3, 1e-3


class Lesson(NamedTuple):
    """Images, 0 the ground and 255 full ink, and their classes: a digit or `NEITHER`."""

    images: UInt8[np.ndarray, "images 28 28"]
    labels: Int[np.ndarray, " images"]


def lesson(digits: datasets.Digits, random: np.random.Generator) -> Lesson:
    """Gather digits, digits drawn anew, and marks that are none."""
    images, labels = digits
    # A 0, 1 or 8 on its side or in a mirror is a digit still.
    sided = images[~np.isin(labels, (0, 1, 8))]
    again = random.permutation(len(images))[:20_000]
    figures = np.arange(5_000) % 10
    letters = _many(32_000, lambda number: marks.glyph(LETTERS[number % len(LETTERS)], random))
    mixed = np.concatenate([images, letters])
    others = [
        letters,
        _many(10_000, lambda _: marks.scribble(random)),
        _many(14_000, lambda _: marks.chimera(random, mixed)),
        _many(6_000, lambda _: marks.turned(random, sided)),
        _many(6_000, lambda _: marks.spoilt(random, images)),
        _many(4_000, lambda _: marks.blot(random)),
        _many(6_000, lambda _: marks.field(random)),
    ]
    anew = [
        _many(len(again), lambda number: marks.redrawn(images[again[number]], random)),
        _many(len(figures), lambda number: marks.glyph(str(figures[number]), random)),
    ]
    none = np.full(sum(map(len, others)), NEITHER)
    return Lesson(
        np.concatenate([images, *anew, *others]),
        np.concatenate([labels, labels[again], figures, none]).astype(np.int32),
    )


def _many(
    count: int, draw: Callable[[int], UInt8[np.ndarray, "28 28"]]
) -> UInt8[np.ndarray, "images 28 28"]:
    return np.stack([draw(number) for number in range(count)])


def fit(lesson: Lesson, random: np.random.Generator, epochs: int = EPOCHS) -> Tensors:
    """Train the network to name the digit, or to say that there is none."""
    images, labels = lesson
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
            # Ink whose centre of mass lies between two pixels is put on one or the other.
            shift = tuple(random.integers(-1, 2, 2))
            moved = np.roll(images[rows], shift, axis=(1, 2))
            parameters, state = step(parameters, state, moved, labels[rows])
    return {name: np.asarray(value) for name, value in parameters.items()}


def _initial(random: np.random.Generator) -> dict[str, Float[np.ndarray, "..."]]:
    """Draw weights as He et al. (2015) do for rectified units; biases start at zero."""
    scales = {name: np.sqrt(2 / shape[0]) * (len(shape) > 1) for name, shape in SHAPES.items()}
    return {
        name: (random.normal(size=shape) * scales[name]).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def draw_the_line(
    parameters: Tensors, images: UInt8[np.ndarray, "images 28 28"], budget: float = BUDGET
) -> OODDetector:
    """Choose the lowest limit at which no more than `budget` of these images get any warning."""
    endless = OODDetector(parameters, np.inf)
    others = np.array([bool(image_warnings(image, 0.0, np.inf)) for image in images])
    scores = np.where(others, np.inf, endless.scores(images))
    return OODDetector(parameters, float(np.quantile(scores, 1 - budget, method="higher")))


def refit() -> OODDetector:
    """Fit on the training images of MNIST and write the record."""
    random = np.random.default_rng(SEED)
    images, labels = datasets.mnist("train")
    learned = lesson(datasets.Digits(images[:-VALIDATION], labels[:-VALIDATION]), random)
    print(f"fitting to {len(learned.images):,} images", flush=True)
    fitted = draw_the_line(fit(learned, random), images[-VALIDATION:])
    metadata = {
        "seed": SEED,
        "data": f"MNIST train, all but the last {VALIDATION:,}, and the marks of scripts/marks.py",
        "limit_from": f"MNIST train, the last {VALIDATION:,}: {BUDGET:.1%} of them warn",
        "epochs": EPOCHS,
        "versions": {library.__name__: library.__version__ for library in (jax, np, optax)},
    }
    ood_detector.save(ood_detector.RECORD, fitted, metadata)
    return fitted


def measure(fitted: OODDetector, fonts: Path | None, count: int) -> dict[str, float]:
    """Return the share that warns of the MNIST test images and of each kind of picture."""
    kinds = calibration.kinds(calibration.fonts_in(fonts) if fonts else [])
    shares = {"MNIST test": calibration.share_warned(datasets.mnist("test").images, fitted)}
    for number, (kind, draw) in enumerate(kinds.items()):
        images = calibration.draw_many(draw, count, SEED + number)
        shares[kind] = calibration.share_warned(images, fitted)
    return shares


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Fit and measure the warning `unfamiliar`.")
    parser.add_argument("--only-measure", action="store_true", help="leave the record as it is")
    parser.add_argument("--fonts", type=Path, help="a folder of fonts to print letters in")
    parser.add_argument("--count", type=int, default=500, help="pictures of each kind")
    options = parser.parse_args()
    fitted = ood_detector.load() if options.only_measure else refit()
    for kind, share in measure(fitted, options.fonts, options.count).items():
        print(f"{kind:30} {share:7.2%}", flush=True)


if __name__ == "__main__":
    main()
