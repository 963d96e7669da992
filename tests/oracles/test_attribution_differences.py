"""Attributions by the shipped weights against float64, as the command measures them."""

from typing import Any

import numpy as np

from models.registry import ResidentModel
from models.runtime.programs import Run
from models.runtime.resident import drive
from probes.cnn.attribution_methods import attribute
from tests.oracles.attribution64 import Network
from tests.oracles.attribution_differences import expected, given, pictures, settings_of

KINKED = {"smoothgrad", "integrated_gradients"}
"""Methods with many evaluated points, one of which may lie at the kink of a ReLU or a pooling."""


def attributed(cnn: ResidentModel, *asked: Any) -> np.ndarray:
    """Map of one attribution by the resident programs."""
    returned: list[np.ndarray] = []

    def run() -> Run:
        returned.append((yield from attribute(given(*asked)))["map"])
        return {}

    drive([run()], cnn.programs)
    return returned[0]


def test_maps_of_shipped_weights_are_those_of_float64(cnn: ResidentModel) -> None:
    """Every method, layer and baseline; off a kink to rounding, and at one by a share."""
    network, random = Network(cnn.weights), np.random.default_rng(1)
    compared = set()
    for image, target in pictures(3):
        for name, settings in settings_of(random):
            found = attributed(cnn, image, target, settings)
            truth = expected(network, image, target, settings)
            bound = 1e-2 * np.abs(truth).max() if settings["method"] in KINKED else 5e-6
            assert np.abs(found - truth).max() < bound, (name, settings)
            compared.add(name)

    assert len(compared) == 3 + 4 + 1 + 15
