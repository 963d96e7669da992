"""Checks of the compiled predict program and the batcher: `python -m scripts.bench.checks`."""

import argparse
import asyncio
import importlib
import json
import re
import statistics
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array

from api.app import create_app
from api.inference.device_time import DeviceTime
from api.inference.engine import Engine
from api.inference.jobs import Job
from api.settings import Settings
from models.cnn import ood_detector
from models.cnn.gradients import max_pool
from models.cnn.programs import intensities, network_definition, run_image
from models.data import samples
from models.registry import load
from models.runtime.compilation import ExecutableKey, compile_programs
from models.runtime.parameters import GraphDefinition, Parameters
from models.runtime.programs import Call, Program

CALLS = 2000


def predict_hlo_is_bare() -> bool:
    """Check whether the predict program's HLO is that of a forward pass without probes.

    It is compared with a forward pass that is written down here without a trace, compiled in the
    same way: the optimised HLO must be the same but for the names of source lines.
    """
    model = load("cnn")
    [served] = [one for one in model.declared if one.name == "predict"]
    graphdef: GraphDefinition[Any] = network_definition(model.architecture)

    def forward(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        network, image = graphdef.merge(parameters), intensities(rows["image"])
        maps = max_pool(nnx.relu(network.conv1(image)))
        maps = max_pool(nnx.relu(network.conv2(maps)))
        maps = nnx.relu(network.conv3(maps))
        hidden = nnx.relu(network.dense1(maps.reshape(len(image), -1)))
        score = ood_detector.ood_scores(parameters, image)
        return {"logits": network.output(hidden), "unfamiliarity": score}

    bare = Program("predict", forward, served.row)
    held = model.ood_detector
    assert held is not None  # noqa: S101 - every CNN has an OOD detector here
    parameters = jax.device_put({**model.weights, **held.program_parameters})
    texts = []
    for program in (served, bare):
        executables = compile_programs([program], parameters, (1,))
        texts.append(_hlo(executables[ExecutableKey("predict", 1)]))
    return texts[0] == texts[1]


def _hlo(compiled: jax.stages.Compiled) -> str:
    """Normalise optimised HLO for the check: no source locations, names numbered in order."""
    text = re.sub(r", metadata=\{[^}]*\}", "", compiled.as_text() or "")
    text = text.partition("\n\nFileNames")[0]
    names: dict[str, str] = {}
    return re.sub(r"%[\w.-]+", lambda name: names.setdefault(name[0], f"%{len(names)}"), text)


async def batching_added_s() -> float:
    """Measure for the check of the batcher the median seconds that it adds to a program call."""
    engine: Engine = create_app(Settings()).state.engine
    engine.start()
    await engine.analyses_warmed()
    row = {"image": samples.load().images[0]}
    wanted = frozenset({"logits"})
    served, call = engine.served["cnn"], Call("predict", row, wanted)
    program = served.model.programs["predict"]
    batched, direct = [], []
    for _ in range(CALLS):
        began = time.perf_counter()
        await engine.run(served, run_image("predict", row, wanted), Job(), DeviceTime())
        between = time.perf_counter()
        program([call])
        direct.append(time.perf_counter() - between)
        batched.append(between - began)
    await engine.stop()
    return statistics.median(batched) - statistics.median(direct)


def interleavings(cases: int) -> dict[str, Any]:
    """Check that random interleavings of callers, cancellations and batches mix up no rows."""
    played = importlib.import_module("tests.api.interleavings")
    began = time.perf_counter()
    try:
        asyncio.run(played.play_all(range(cases)))
    except AssertionError as error:
        return {"cases": cases, "held": False, "error": str(error)}
    return {"cases": cases, "held": True, "seconds": time.perf_counter() - began}


def main() -> None:
    """Run the benchmark's checks of predict program and batcher, and print the results as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    flags = parser.parse_args()
    found = {
        "predict_hlo_is_bare": predict_hlo_is_bare(),
        "batching_added_s": asyncio.run(batching_added_s()),
        "interleavings": interleavings(flags.cases),
        "numpy": np.__version__,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
