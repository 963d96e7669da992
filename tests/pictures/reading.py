"""Reading: answers to encoded pictures in process, by the functions that a server calls."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from api.errors.problem import Problem
from api.requests.model_input import ModelInput, encoded_image_input
from api.responses import results
from models import registry
from models.cnn.programs import image_programs
from probes.declaration import ModelContext, Parameters, ProbeContext
from tests.networks import SIMPLE_CNN

BATCH = 64
"""Images of one call of the program, which is compiled for this number only."""


class Answer(NamedTuple):
    """Answer to a picture.

    Attributes:
        label: Predicted digit; -1 for a picture that was refused.
        probability: Of that digit.
        warnings: Codes of the warnings; `refused` for a picture that was refused.
    """

    label: int
    probability: float
    warnings: tuple[str, ...]


REFUSED = Answer(-1, 0, ("refused",))


def prepared(encoded: bytes) -> ModelInput | None:
    """Decode and preprocess a picture; None if it is refused."""
    try:
        return encoded_image_input(encoded, SIMPLE_CNN.image, "mnist")
    except Problem:
        return None


class Reader:
    """The shipped CNN and its detector, compiled for batches of pictures."""

    def __init__(self) -> None:
        self._model = registry.load("cnn")
        predict = image_programs(self._model.architecture)[0].function
        self._context = ModelContext(SIMPLE_CNN, self._model.weights)
        detector = self._model.ood_detector.program_parameters
        weights = jax.device_put({**self._model.weights, **detector})
        self._predict = jax.jit(lambda images: predict(weights, {"image": images}))

    def answers(self, inputs: Sequence[ModelInput | None]) -> list[Answer]:
        """Return the answer to each picture that was prepared, with its warnings."""
        found = []
        for start in range(0, len(inputs), BATCH):
            part = inputs[start : start + BATCH]
            images = np.zeros((BATCH, 28, 28), np.uint8)
            for row, given in zip(images, part, strict=False):
                row[:] = 0 if given is None else given.row["image"]
            outputs = {name: np.asarray(value) for name, value in self._predict(images).items()}
            for index, given in enumerate(part):
                one = {name: value[index] for name, value in outputs.items()}
                found.append(self._answer(given, one))
        return found

    def _answer(self, given: ModelInput | None, outputs: dict[str, np.ndarray]) -> Answer:
        if given is None:
            return REFUSED
        context = ProbeContext(self._context, given, Parameters(), outputs)
        warnings = [*given.warnings, *results._image_warnings(self._model, context)]
        codes = tuple(warning.code for warning in warnings)
        return Answer(int(context.logits.argmax()), float(context.probabilities.max()), codes)
