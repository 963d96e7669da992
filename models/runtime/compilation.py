"""Compilation: from programs to executables, one for each program and bucket of rows."""

import hashlib
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import jax
import jaxlib
import numpy as np

from models.runtime.parameters import Parameters
from models.runtime.programs import Program

OPTIONS: Mapping[str, dict[str, str | bool]] = {
    "cnn": {"xla_backend_optimization_level": "1", "xla_cpu_use_fusion_emitters": "False"},
    "lstm": {"xla_backend_optimization_level": "1"},
}
"""Of the compiler on CPU, by model: less time to compile, and no more to run.

LLVM's first level saves a tenth, and XLA's older emitters two fifths. Only the CNN has those, since
the newer ones make a loop over steps up to twice as fast. An XLA that knows an option no longer
gets none.
"""

VARIABLES = ("XLA_", "JAX_", "LIBTPU_", "TF_XLA_")
"""How the names of environment variables begin that say how to compile."""

SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_disable_most_optimizations")
"""What a program that imports this one may have set in JAX that changes what is compiled."""


PACKAGE = Path(__file__).parents[1]
"""The `models` package, whose sub-packages all hold code that programs are traced from."""


class Part(NamedTuple):
    """One executable among those of a model: which program, for how many rows."""

    program: str
    bucket: int


Executables = dict[Part, jax.stages.Compiled]


def compile_programs(
    programs: Sequence[Program], parameters: Parameters, buckets: Sequence[int]
) -> Executables:
    """Compile every program for every bucket.

    One thread traces, which holds the interpreter; the others compile, which does not.
    """
    with ThreadPoolExecutor(_processors(), thread_name_prefix="compile") as pool:
        parts = {
            Part(program.name, bucket): pool.submit(
                _compile,
                jax.jit(program).lower(parameters, program.rows(bucket)),
                _options(program),
            )
            for program in programs
            for bucket in buckets
        }
    return {part: future.result() for part, future in parts.items()}


def _options(program: Program) -> dict[str, str | bool] | None:
    """Return what to tell the compiler about a program."""
    if jax.default_backend() != "cpu":
        return None
    return OPTIONS.get(program.name.partition(".")[0])


def _compile(
    lowered: jax.stages.Lowered, options: dict[str, str | bool] | None
) -> jax.stages.Compiled:
    """Compile with our options, or without where this XLA does not know them."""
    try:
        return lowered.compile(compiler_options=options)
    except jax.errors.JaxRuntimeError:
        if options is None:
            raise
        return lowered.compile()


def _processors() -> int:
    """Return how many processors this process may use: XLA cuts the work for so many."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fingerprint(programs: Sequence[Program], parameters: Parameters, buckets: Sequence[int]) -> str:
    """Return what changes whenever the executables could: in hexadecimal, 64 digits.

    The weights' values do not count, since a program takes them as arguments; their shapes do.
    """
    sha = hashlib.sha256(_sources())
    for line in (*_machine(), *_software(), repr(OPTIONS), repr(tuple(buckets))):
        sha.update(f"{line}\n".encode())
    for name, value in sorted(parameters.items()):
        sha.update(f"{name} {value.dtype} {value.shape}\n".encode())
    for program in programs:
        row = [(name, one.shape, str(one.dtype)) for name, one in sorted(program.row.items())]
        sha.update(f"{program.name} {row}\n".encode())
    return sha.hexdigest()


def _sources(package: Path = PACKAGE) -> bytes:
    """Read the source code of `models`, with relative paths: any line may change a program."""
    files = sorted(package.rglob("*.py"))
    return b"".join(
        f"{file.relative_to(package).as_posix()}\0".encode() + file.read_bytes() + b"\0"
        for file in files
    )


def _software() -> Iterator[str]:
    """Name what traces and compiles, and how it is set."""
    yield sys.version
    for package in (jax, jaxlib, np):
        yield f"{package.__name__} {package.__version__}"
    yield f"flax {version('flax')}"
    yield from (f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES))
    yield from (f"{name}={jax.config.values.get(name)}" for name in SETTINGS)


def _machine() -> Iterator[str]:
    """Name what the executables run on; XLA compiles for this very processor."""
    for device in jax.devices():
        yield f"{device.platform} {device.device_kind} {device.client.platform_version}"
    yield f"{platform.system()} {platform.machine()} {platform.processor()} {_processors()}"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        told = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ")
        first = cpuinfo.read_text().partition("\n\n")[0]
        yield from (line for line in first.splitlines() if line.startswith(told))
