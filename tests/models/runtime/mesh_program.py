"""Batches over a mesh of devices: `python -m tests.models.runtime.mesh_program` writes JSON.

Runs in a process of its own, with as many virtual devices as `XLA_FLAGS` says.
"""

import json
import re
import sys
from typing import Any

import jax
import numpy as np

from models.registry import ResidentModel, load
from models.runtime.programs import Program
from scripts.described_tpu import compile_for, parameters_of

COLLECTIVE = re.compile(r"all-(?:reduce|gather|to-all)|collective-|reduce-scatter")
PROGRAMS = {"cnn": ("trace",), "lstm": ("trace.128",)}


def drawn(program: Program, rows: int) -> dict[str, np.ndarray]:
    """Random rows of a program; sequences have their full length."""
    generator = np.random.default_rng(5)
    found = {}
    for name, one in program.rows(rows).items():
        high = 256 if name == "image" else 2
        found[name] = generator.integers(0, high, one.shape).astype(one.dtype)
        if name == "length":
            found[name][:] = program.row["sequence"].shape[0]
    return found


def compared(model: ResidentModel, program: Program, rows: int) -> dict[str, Any]:
    """Compare a batch on all devices with its parts on one: bits, collectives, devices."""
    devices = jax.devices()
    parameters = parameters_of(model)
    batch = drawn(program, rows * len(devices))
    one = compile_for(devices[:1], parameters, program, rows)
    every = compile_for(devices, parameters, program, rows * len(devices))
    whole = every(parameters, batch)
    equal = []
    for at in range(len(devices)):
        part = {name: values[at * rows : (at + 1) * rows] for name, values in batch.items()}
        for name, values in one(parameters, part).items():
            equal.append(
                np.asarray(values).tobytes()
                == np.asarray(whole[name])[at * rows : (at + 1) * rows].tobytes()
            )
    return {
        "program": f"{model.name}.{program.name}",
        "rows": rows,
        "devices": len(next(iter(whole.values())).sharding.device_set),
        "equal": equal,
        "collectives": COLLECTIVE.findall(every.as_text()),
    }


def main() -> None:
    """Compare programs of both shipped networks at one and two rows a device."""
    found = []
    for network, names in PROGRAMS.items():
        model = load(network)
        known = {program.name: program for program in model.declared}
        found += [compared(model, known[name], rows) for name in names for rows in (1, 2)]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
