"""Attributions of a CNN with drawn weights, driven through its compiled programs."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import numpy as np

from models.cnn.layout import layout_of
from models.cnn.randomisation import cascade
from models.families import analysis_programs
from models.runtime.programs import Run
from models.runtime.resident import ResidentProgram, drive
from probes.cnn.attribution_methods import MethodInput, MethodParameters
from probes.shared.choices import resolved
from tests.networks import SIMPLE_CNN
from tests.oracles.parameters import CNN_SHAPES, draw

WEIGHTS = draw(CNN_SHAPES, 7)
RESET = cascade(WEIGHTS, layout_of(SIMPLE_CNN).cascade)
TARGET = np.zeros(10, np.float32)
TARGET[[3, 5]] = 1, -1


def method_input(image: np.ndarray, checkpoint: str | None = None, **settings: Any) -> MethodInput:
    """Input of an attribution method of SimpleCNN from settings by name."""
    parameters = resolved(MethodParameters(**settings), SIMPLE_CNN)
    return MethodInput(SIMPLE_CNN, image, TARGET, parameters, checkpoint)


@cache
def attribution_programs() -> Mapping[str, ResidentProgram]:
    """Compile the programs that attributions run, with drawn and with reset weights."""
    held = jax.device_put(WEIGHTS)
    made = {}
    for program in analysis_programs(SIMPLE_CNN):
        if program.name in {"score", "gradient", "layer_gradient"}:
            resident = ResidentProgram(program, held, (16,))
            for name, tensors in RESET.items():
                resident.add_parameters(name, jax.device_put(tensors))
            made[program.name] = resident
    return made


def done(way: Any, programs: Mapping[str, ResidentProgram]) -> Any:
    """Drive a generator of program calls to its end and return its result."""
    returned = []

    def run() -> Run:
        returned.append((yield from way))
        return {}

    drive([run()], programs)
    return returned[0]
