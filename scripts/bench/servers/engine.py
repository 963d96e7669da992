"""Engine for benchmarked servers without one: Lightwell's predict program, from PNG files."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image
from typing_extensions import TypedDict  # required by Pydantic below Python 3.12

from models.registry import load
from models.runtime.programs import Call

MAX_BATCH = 32
"""Largest batch that benchmarked servers collect for the engine by their own batching."""


class Prediction(TypedDict):
    """Prediction of the benchmarked servers' engine: label and probabilities of one image."""

    label: int
    probabilities: list[float]


class Engine:
    """Engine of benchmarked servers: the predict program with weights, compiled for all buckets."""

    def __init__(self) -> None:
        model = load("cnn")
        model.compile()
        model.compile_larger_buckets()
        self._program = model.programs["predict"]

    def __call__(self, pngs: Sequence[bytes]) -> list[Prediction]:
        """Classify PNGs by the benchmarked servers' engine, in as few program calls as possible."""
        wanted, most = frozenset({"logits"}), self._program.max_rows
        calls = [Call("predict", {"image": pixels(png)}, wanted) for png in pngs]
        parts = [calls[start : start + most] for start in range(0, len(calls), most)]
        outputs = [one for part in parts for one in self._program(part)]
        return [prediction(one["logits"]) for one in outputs]


def pixels(png: bytes) -> np.ndarray:
    """Decode a 28x28 grey PNG for the benchmarked servers' engine."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def prediction(logits: np.ndarray) -> Prediction:
    """Compute the engine's prediction for a benchmarked server: label and softmax of logits."""
    powers = np.exp(logits - logits.max())
    return {"label": int(logits.argmax()), "probabilities": (powers / powers.sum()).tolist()}
