"""Time of Lightwell's attribution methods: `python -m scripts.bench.lightwell_attributions`.

Prints seconds by method as JSON.
"""

import json
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from models.data import samples
from models.registry import load
from models.runtime.programs import ANALYSIS_BUCKETS, Call, Run
from models.runtime.resident import ResidentProgram, drive
from probes.cnn.attribution_methods import MethodInput, MethodParameters, attribute

ROWS = ANALYSIS_BUCKETS[-1]
REPEATS = 15

METHODS = {
    "integrated_gradients": MethodParameters(method="integrated_gradients", nodes=50),
    "occlusion": MethodParameters(method="occlusion", window=3, stride=2),
    "grad_cam": MethodParameters(method="grad_cam", layer="relu3"),
    "smoothgrad": MethodParameters(method="smoothgrad", samples=50),
}
"""Settings of timed attributions: 50 nodes, 196 windows, one Grad-CAM layer, 50 noisy copies."""

PROGRAMS = ("score", "gradient", "layer_gradient")


def best(function: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the shortest of several timings of a Lightwell attribution or program, in seconds."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def measured() -> dict[str, float]:
    """Time Lightwell's attribution methods, gradient and forward pass, in seconds by name."""
    model = load("cnn")
    model.compile()
    model.compile_larger_buckets()
    for program in model.analyses.values():
        if program.name in PROGRAMS:
            model.compile_analysis(program)
    held, image = model.programs, samples.load().images[0].astype(np.float32) / 255
    target = np.eye(10, dtype=np.float32)[7]
    found = {
        name: best(
            partial(_attributed, MethodInput(model.architecture, image, target, parameters), held)
        )
        for name, parameters in METHODS.items()
    }
    return found | {"forward": _forward(held), "gradient": _batch(held["gradient"], "gradient")}


def _attributed(given: MethodInput, programs: dict[str, ResidentProgram]) -> None:
    """Compute one Lightwell attribution, from the image to the attribution map in host memory."""

    def run() -> Run:
        found = yield from attribute(given)
        return dict(found)

    drive([run()], programs)


def _batch(program: ResidentProgram, output: str, rows: int = ROWS) -> float:
    """Return the shortest time of an attribution program on a batch of random rows, in seconds."""
    random = np.random.default_rng(0)
    row = {
        name: random.uniform(0, 1, one.shape).astype(one.dtype)
        for name, one in program.program.row.items()
    }
    calls = [Call(program.program.name, row, frozenset({output}))] * rows
    return best(lambda: program(calls), 3 * REPEATS)


def _forward(programs: dict[str, ResidentProgram]) -> float:
    """Return the shortest time of forward passes of as many rows as an attribution gradient has."""
    predict = programs["predict"]
    batches = ROWS / predict.max_rows
    return min(
        _batch(programs["score"], "logits"),
        batches * _batch(predict, "logits", predict.max_rows),
    )


if __name__ == "__main__":
    print(json.dumps(measured()))
