"""Ahead-of-time compilation: one executable per program and batch size, and its fingerprint."""

import hashlib
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import jax
import jaxlib
import numpy as np

from models.runtime.parameters import Parameters
from models.runtime.processors import processors
from models.runtime.programs import Program

COMPILER_VARIABLES = ("XLA_", "JAX_", "LIBTPU_", "TF_XLA_")
"""Prefixes of the environment variables that change compilation by XLA."""

COMPILER_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_disable_most_optimizations",
)
"""JAX settings of the embedding program that change compilation."""

PACKAGE = Path(__file__).parents[1]
"""Folder of the `models` package, whose source code is part of a compilation's fingerprint.

All programs are traced from it.
"""


class ExecutableKey(NamedTuple):
    """Key of an executable from compilation.

    Attributes:
        program: Name of its program.
        bucket: Batch size.
        is_lean: Whether it has none of the program's optional outputs.
    """

    program: str
    bucket: int
    is_lean: bool = False


Executables = dict[ExecutableKey, jax.stages.Compiled]


def versions(program: Program, bucket: int) -> dict[ExecutableKey, Program]:
    """Return the versions of a program to compile: whole, and without optional outputs."""
    found = {ExecutableKey(program.name, bucket): program}
    if program.optional:
        found[ExecutableKey(program.name, bucket, is_lean=True)] = program.without_optional
    return found


def compile_programs(
    programs: Sequence[Program], parameters: Parameters, buckets: Sequence[int]
) -> Executables:
    """Compile every program for every batch size, ahead of time.

    One thread traces, which holds the interpreter lock; the others compile, which releases it.
    """
    with ThreadPoolExecutor(processors(), thread_name_prefix="compile") as pool:
        parts = {
            key: pool.submit(
                _compile,
                jax.jit(version).lower(parameters, version.rows(bucket)),
                _options(version),
            )
            for program in programs
            for bucket in buckets
            for key, version in versions(program, bucket).items()
        }
    return {part: future.result() for part, future in parts.items()}


def _options(program: Program) -> dict[str, str | bool] | None:
    """Return the options to compile a program with; None on other platforms than CPU."""
    return dict(program.options) if jax.default_backend() == "cpu" else None


def _compile(
    lowered: jax.stages.Lowered, options: dict[str, str | bool] | None
) -> jax.stages.Compiled:
    """Compile with our XLA options, or without them if this version of XLA rejects them."""
    try:
        return lowered.compile(compiler_options=options)
    except jax.errors.JaxRuntimeError:
        if options is None:
            raise
        return lowered.compile()


def fingerprint(programs: Sequence[Program], parameters: Parameters, buckets: Sequence[int]) -> str:
    """Return the fingerprint of a compilation: SHA-256 of sources, versions, machine and shapes.

    It is the cache key of the executables.

    The values of the weights are left out: programs take them as arguments.
    """
    # Too many entries only cost a compilation; a missing one would load wrong executables.
    sha = hashlib.sha256(_sources())
    for line in (*_machine(), *_software(), repr(tuple(buckets))):
        sha.update(f"{line}\n".encode())
    for name, value in sorted(parameters.items()):
        sha.update(f"{name} {value.dtype} {value.shape}\n".encode())
    for program in programs:
        row = [(name, one.shape, str(one.dtype)) for name, one in sorted(program.row.items())]
        options = sorted(program.options.items())
        stated = f"{program.name} {row} {options} {program.signature} {sorted(program.optional)}\n"
        sha.update(stated.encode())
    return sha.hexdigest()


def _sources(package: Path = PACKAGE) -> bytes:
    """Return all source code of `models` for the fingerprint of compiled executables.

    Paths are relative. Any line may change a program.
    """
    files = sorted(package.rglob("*.py"))
    return b"".join(
        f"{file.relative_to(package).as_posix()}\0".encode() + file.read_bytes() + b"\0"
        for file in files
    )


def _software() -> Iterator[str]:
    """List versions and settings of the software that traces and compiles, for the fingerprint."""
    yield sys.version
    for package in (jax, jaxlib, np):
        yield f"{package.__name__} {package.__version__}"
    yield f"flax {version('flax')}"
    yield from (
        f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(COMPILER_VARIABLES)
    )
    yield from (f"{name}={jax.config.values.get(name)}" for name in COMPILER_SETTINGS)


def _machine() -> Iterator[str]:
    """List devices and processor features for the fingerprint: XLA compiles for one processor."""
    for device in jax.devices():
        yield f"{device.platform} {device.device_kind} {device.client.platform_version}"
    yield f"{platform.system()} {platform.machine()} {platform.processor()} {processors()}"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ")
        # One processor describes all; `Features` and `CPU …` are the fields of ARM.
        first = cpuinfo.read_text().partition("\n\n")[0]
        yield from (line for line in first.splitlines() if line.startswith(fields))
