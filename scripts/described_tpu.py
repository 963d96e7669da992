"""Compile every executable of the shipped networks for a TPU that is described, not attached.

    python -m scripts.described_tpu --libtpu build/tpu/lib/python3.11/site-packages/libtpu/libtpu.so
    python -m scripts.described_tpu v5e --network lstm --libtpu …

libtpu is installed in an environment of its own (`pip install libtpu`), and runs without a TPU. The
compiler refuses a program that does not fit the chip's memory. Nothing is executed: numbers and
latencies stay unmeasured. The exit status is 1 if a program does not compile.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from rich.console import Console
from rich.table import Table

from models.registry import ResidentModel, load
from models.runtime.compilation import versions
from models.runtime.programs import ACCELERATOR_BUCKETS, Program
from scripts.command_line import script_parser

NETWORKS = ("cnn", "lstm")

CHIPS: Mapping[str, Mapping[str, Any]] = {
    "v4": {
        "topology_name": "v4:2x2x1",
        "chip_config_name": "megacore",
        "chips_per_host_bounds": (2, 2, 1),
    },
    "v5e": {"topology_name": "v5e:2x2"},
}
"""TPU → arguments that describe four of its chips to `get_topology_desc`."""

QUIET = {"TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost", "TPU_MIN_LOG_LEVEL": "3"}


class Compiled(NamedTuple):
    """Executable that was compiled for a described TPU, with sizes in bytes.

    Attributes:
        bucket: Rows of the executable.
        error: Message of the compiler; empty for a success.
    """

    chip: str
    network: str
    program: str
    bucket: int
    seconds: float
    code: int = 0
    working: int = 0
    error: str = ""

    def row(self) -> list[str]:
        """Return the table row of an executable."""
        name = f"{self.network}.{self.program}"
        sizes = (f"{size / 2**20:,.1f}" for size in (self.code, self.working))
        return [self.chip, name, str(self.bucket), f"{self.seconds:.1f}", *sizes, self.error]


def devices_of(chip: str) -> Sequence[Any]:
    """Describe the chips of a TPU that is not attached.

    Raises:
        RuntimeError: libtpu cannot be loaded.
    """
    found: Sequence[Any] = topologies.get_topology_desc(platform="tpu", **CHIPS[chip]).devices
    return found


def executables_of(model: ResidentModel) -> Iterator[tuple[Program, int]]:
    """Yield every program of a network with each of its batch sizes on a described TPU.

    Programs with optional outputs come twice: with them and without.
    """
    for program in (*model.declared, *model.analyses.values()):
        for bucket in program.buckets or ACCELERATOR_BUCKETS:
            for version in versions(program, bucket).values():
                yield version, bucket


def compile_for(
    devices: Sequence[Any], parameters: Mapping[str, Any], program: Program, bucket: int
) -> Any:
    """Compile a program for described devices, with an equal part of the batch on each."""
    mesh = Mesh(np.array(devices), ("batch",))
    whole = NamedSharding(mesh, PartitionSpec())
    divided = NamedSharding(mesh, PartitionSpec("batch"))
    function = jax.jit(program.__call__, in_shardings=(whole, divided), out_shardings=divided)
    shapes = {name: jax.ShapeDtypeStruct(one.shape, one.dtype) for name, one in parameters.items()}
    return function.lower(shapes, program.rows(bucket)).compile()


def parameters_of(model: ResidentModel) -> dict[str, Any]:
    """Return the parameters that the programs of a network are compiled with."""
    extra = model.ood_detector.program_parameters if model.ood_detector else {}
    return {**model.weights, **extra}


def compiled(chip: str, model: ResidentModel, program: Program, bucket: int) -> Compiled:
    """Compile one executable for one chip of a described TPU; an error is part of the result."""
    began = time.perf_counter()
    try:
        made = compile_for(devices_of(chip)[:1], parameters_of(model), program, bucket)
    except jax.errors.JaxRuntimeError as error:
        message = str(error).partition("\n")[0]
        spent = time.perf_counter() - began
        return Compiled(chip, model.name, program.name, bucket, spent, error=message)
    sizes = made.memory_analysis()
    working = sizes.temp_size_in_bytes + sizes.output_size_in_bytes + sizes.argument_size_in_bytes
    return Compiled(
        chip,
        model.name,
        program.name,
        bucket,
        time.perf_counter() - began,
        code=sizes.generated_code_size_in_bytes,
        working=working,
    )


def main(arguments: Sequence[str]) -> int:
    """Compile for described TPUs; return 1 if a program does not compile, 2 without libtpu."""
    flags = _parser().parse_args(arguments)
    if not flags.libtpu.is_file():
        print(f"scripts.described_tpu: {flags.libtpu} is not a file", file=sys.stderr)
        return 2
    os.environ.update(QUIET, TPU_LIBRARY_PATH=str(flags.libtpu.resolve()))
    # Two processes may compile: libtpu guards a chip that no process here uses.
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"
    jax.config.update("jax_platforms", "cpu")
    models = [load(name) for name in flags.network]
    console, found = Console(width=140), []
    for chip in flags.chips or CHIPS:
        for model in models:
            for program, bucket in executables_of(model):
                if flags.program and program.name.partition(" ")[0] not in flags.program:
                    continue
                found.append(compiled(chip, model, program, bucket))
                console.print("  ".join(found[-1].row()), highlight=False)
    console.print(_table(found))
    failed = sum(bool(one.error) for one in found)
    print(f"{len(found)} executables, {failed} failed. Nothing was executed.")
    return int(failed > 0 or not found)


def _parser() -> argparse.ArgumentParser:
    parser = script_parser("python -m scripts.described_tpu", __doc__)
    parser.add_argument("chips", nargs="*", choices=[*CHIPS, []], help="TPUs (all)")
    parser.add_argument("--libtpu", type=Path, required=True, help="path of libtpu.so")
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--program", nargs="+", help="names of programs, such as trace")
    return parser


def _table(found: Sequence[Compiled]) -> Table:
    heads = ("chip", "program", "rows", "seconds", "code MiB", "memory MiB", "error")
    table = Table(*heads, title="Compiled for described TPUs, one chip each")
    for one in found:
        table.add_row(*one.row())
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
