"""Time of compiled programs alone, by bucket, chunk, unrolling and compiler options.

    python -m scripts.bench.programs            all tables
    python -m scripts.bench.programs settings   one table

Variants of a table are measured in interleaved rounds, so that a slow phase of the machine affects
all of them; each value is the median of the rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple
from unittest import mock

import jax
import numpy as np

from models.registry import ResidentModel, load
from models.rnn.counting import counting_architecture
from models.rnn.layout import CHUNKS
from models.rnn.programs import run_sequence
from models.runtime.programs import Program, row_buckets
from models.runtime.resident import ResidentProgram, drive

ROUNDS = 15
ROUND_S = 0.01
ROWS = (1, 2, 4, 8, 16, 32, 64)
STEPS = (16, 32, 64, 128, 256, 512, 1024)
LONGEST = 1000
SEQUENCES = 128
ONE_SETTING = "one-setting"

CPU_OPTIONS: Mapping[str, Mapping[str, str | bool] | None] = {
    "as served": None,
    "no options": {},
    "older emitters": {"xla_cpu_use_fusion_emitters": False},
    "one thread": {"xla_cpu_multi_thread_eigen": False},
    "oneDNN": {"xla_cpu_use_onednn": True, "xla_cpu_experimental_onednn_custom_call": True},
    "fast maths": {"xla_cpu_enable_fast_math": True},
    "512-bit vectors": {"xla_cpu_prefer_vector_width": "512"},
    "optimisation level 1": {"xla_backend_optimization_level": "1"},
}

LOOP = "xla_cpu_small_while_loop_byte_threshold=1000000000"
COMPILER_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "as JAX comes": {},
    "dispatch in the calling thread": {},
    "loops as one kernel": {"XLA_FLAGS": f"--xla_backend_extra_options={LOOP}"},
    "no YNN fusions": {"XLA_FLAGS": "--xla_cpu_experimental_ynn_fusion_type="},
}
"""Environment variables by process setting of timed programs; the second is a JAX option."""

Function = Callable[[], object]


class Cost(NamedTuple):
    """Cost of one call of a compiled program: wall time and CPU time, in seconds."""

    wall: float
    processor: float


def costs(functions: Mapping[str, Function]) -> dict[str, Cost]:
    """Time calls of several compiled programs in interleaved rounds."""
    times: dict[str, list[Cost]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            times[name].append(_round(function))
    return {
        name: Cost(*map(statistics.median, zip(*of, strict=True))) for name, of in times.items()
    }


def _round(function: Function) -> Cost:
    """Time repeated calls of a compiled program after one unmeasured call."""
    function()
    calls, began, began_processor = 0, time.perf_counter(), time.process_time()
    while (now := time.perf_counter()) < began + ROUND_S or calls == 0:
        function()
        calls += 1
    now = time.perf_counter()
    return Cost((now - began) / calls, (time.process_time() - began_processor) / calls)


def parameters_of(model: ResidentModel) -> dict[str, jax.Array]:
    """Transfer a model's parameters to the device, for timing its programs."""
    extra = model.ood_detector.program_parameters if model.ood_detector else {}
    on_device: dict[str, jax.Array] = jax.device_put({**model.weights, **extra})
    return on_device


def compiled(
    program: Program,
    parameters: Mapping[str, jax.Array],
    rows: int,
    options: Mapping[str, str | bool] | None = None,
) -> tuple[Function, float]:
    """Compile a program to be timed, for a number of rows.

    Args:
        options: Compiler options; None compiles as the server does.

    Returns:
        A function that calls the program once, and CPU seconds for lowering and compiling.
    """
    served = dict(program.options)
    began = time.process_time()
    # A new partial, as JAX caches traces by function.
    lowered = jax.jit(partial(program)).lower(parameters, program.rows(rows))
    on_cpu = jax.default_backend() == "cpu"
    chosen = served if options is None else options
    executable = lowered.compile(compiler_options=dict(chosen) if on_cpu else None)
    took = time.process_time() - began
    generator = np.random.default_rng(1)
    arguments = {name: _inputs(generator, name, one) for name, one in program.rows(rows).items()}
    return lambda: jax.block_until_ready(executable(parameters, arguments)), took


def _inputs(
    generator: np.random.Generator, name: str, described: jax.ShapeDtypeStruct
) -> np.ndarray:
    """Draw one input array of a timed program: zeros and ones, and lengths of one step."""
    if name == "length":
        return np.ones(described.shape, described.dtype)
    drawn: np.ndarray = generator.integers(0, 2, described.shape).astype(described.dtype)
    return drawn


def print_table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table of program times in Markdown."""
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    print(f"\n### {title}\n")
    print("\n".join("| " + " | ".join(row) + " |" for row in rows), flush=True)


def declared(name: str, chunks: Sequence[int]) -> tuple[dict[str, Program], dict[str, jax.Array]]:
    """Declare a model's programs to be timed; those of the LSTM for the given chunk lengths."""
    # The LSTM has a program for each of these lengths, declared while it is loaded.
    with mock.patch("models.rnn.layout.Layout.chunks", tuple(chunks)):
        model = load(name)
    return {program.name: program for program in model.declared}, parameters_of(model)


def rows_table() -> None:
    """Print the time of a program call by bucket."""
    for model, chunk in (("cnn", 0), ("lstm", 128), ("lstm", 512)):
        programs, parameters = declared(model, (chunk,))
        for name, program in programs.items():
            made = {str(rows): compiled(program, parameters, rows) for rows in ROWS}
            measured = costs({rows: function for rows, (function, _) in made.items()})
            lines = [
                [
                    rows,
                    f"{cost.wall * 1e3:.3f}",
                    f"{cost.wall * 1e3 / int(rows):.3f}",
                    f"{cost.processor * 1e3 / int(rows):.3f}",
                    f"{made[rows][1]:.2f}",
                ]
                for rows, cost in measured.items()
            ]
            head = ("rows", "ms a call", "ms a row", "processor ms a row", "s to compile")
            print_table(f"{name} by rows", head, lines)


def steps_table() -> None:
    """Print the time of an LSTM program call by chunk length."""
    programs, parameters = declared("lstm", STEPS)
    for kind in ("predict", "trace"):
        for rows in (1, 4, 16):
            functions = {
                str(steps): compiled(programs[f"{kind}.{steps}"], parameters, rows)[0]
                for steps in STEPS
            }
            lines = [
                [steps, f"{cost.wall * 1e3:.3f}", f"{cost.wall * 1e6 / int(steps) / rows:.3f}"]
                for steps, cost in costs(functions).items()
            ]
            head = ("steps", "ms a call", "µs a step and row")
            print_table(f"lstm.{kind}, {rows} rows, by steps", head, lines)


@contextmanager
def unrolled(times: int) -> Iterator[None]:
    """Unroll every `lax.scan` of timed programs by a factor while inside the context."""
    with mock.patch("jax.lax.scan", partial(jax.lax.scan, unroll=times)):
        yield


def unroll_table() -> None:
    """Print the time of LSTM programs by unrolling factor."""
    programs, parameters = declared("lstm", (128,))
    lines = []
    for name, program in programs.items():
        for rows in (1, 16):
            made = {}
            for times in (1, 2, 4, 8):
                with unrolled(times):
                    made[str(times)] = compiled(program, parameters, rows)
            measured = costs({times: function for times, (function, _) in made.items()})
            lines += [
                [f"{name}, {rows} rows", times, *_columns(cost), f"{made[times][1]:.2f}"]
                for times, cost in measured.items()
            ]
    print_table("Unrolling", ("program", "unrolled steps", *COLUMNS, "s to compile"), lines)


COLUMNS = ("ms a call", "processor ms a call")


def _columns(cost: Cost) -> list[str]:
    return [f"{cost.wall * 1e3:.3f}", f"{cost.processor * 1e3:.3f}"]


def options_table() -> None:
    """Print the time of each compiled program by compiler options."""
    lines = []
    for name, program, parameters in _chosen():
        for rows in (1, 8):
            made = {
                option: compiled(program, parameters, rows, value)
                for option, value in CPU_OPTIONS.items()
            }
            measured = costs({option: function for option, (function, _) in made.items()})
            lines += [
                [f"{name}, {rows} rows", option, *_columns(cost), f"{made[option][1]:.2f}"]
                for option, cost in measured.items()
            ]
    head = ("program", "compiler options", *COLUMNS, "s to compile")
    print_table("Options of the compiler", head, lines)


def _chosen() -> Iterator[tuple[str, Program, dict[str, jax.Array]]]:
    """Yield the programs that are timed under other compiler options and process settings."""
    for model in ("cnn", "lstm"):
        programs, parameters = declared(model, (128,))
        for name, program in programs.items():
            yield name, program, parameters


def settings_table() -> None:
    """Print the time of programs by process settings, each in a subprocess."""
    for name, variables in COMPILER_SETTINGS.items():
        command = [sys.executable, "-m", "scripts.bench.programs", ONE_SETTING, name]
        subprocess.run(command, env={**os.environ, **variables}, check=True)  # noqa: S603 - the benchmark's own command


def one_setting_table(name: str) -> None:
    """Print the time of programs under this process's settings."""
    if "calling thread" in name:
        jax.config.update("jax_cpu_enable_async_dispatch", val=False)
    functions = {
        f"{label}, {rows} rows": compiled(program, parameters, rows)[0]
        for label, program, parameters in _chosen()
        for rows in (1, 8)
    }
    lines = [[label, *_columns(cost)] for label, cost in costs(functions).items()]
    print_table(name, ("program", *COLUMNS), lines)


def mixed_table() -> None:
    """Print LSTM program throughput for mixed lengths, in chunks and padded to the longest."""
    draw = np.random.default_rng(3).uniform(np.log(4), np.log(LONGEST), SEQUENCES)
    lengths = np.exp(draw).astype(int)
    ways: Mapping[str, tuple[Sequence[int], np.ndarray]] = {
        "in chunks": (CHUNKS, lengths),
        "padded": ((LONGEST,), np.full_like(lengths, LONGEST)),
    }
    lines = []
    for kind, output in (("predict", "logits"), ("trace", "input_gate")):
        functions = {name: _concurrent_runs(kind, output, *way) for name, way in ways.items()}
        rates = [SEQUENCES / cost.wall for cost in costs(functions).values()]
        lines.append([kind, *(f"{rate:,.0f}" for rate in rates), f"{rates[0] / rates[1]:.1f}×"])
    head = ("sequences per second", *ways, "gain")
    print_table(f"Lengths from 4 to {LONGEST:,}, log-uniform", head, lines)


def _concurrent_runs(
    kind: str, output: str, chunks: Sequence[int], lengths: np.ndarray
) -> Function:
    """Return a function that runs all mixed-length sequences concurrently on LSTM programs."""
    programs, parameters = declared("lstm", chunks)
    resident = {
        name: ResidentProgram(program, parameters, row_buckets("sequence"))
        for name, program in programs.items()
        if kind in name
    }
    zeros = np.zeros(parameters["cell.dense_h.kernel"].shape[0], np.float32)
    rows = [
        {"sequence": np.ones(length, np.uint8), "cell": zeros, "hidden": zeros}
        for length in lengths
    ]

    def function() -> None:
        # A run divides its sequence by these lengths when it starts, not when it is declared.
        with mock.patch("models.rnn.layout.Layout.chunks", tuple(chunks)):
            wanted, architecture = frozenset({output}), counting_architecture()
            drive([run_sequence(architecture, kind, row, wanted) for row in rows], resident)

    return function


TABLES: Mapping[str, Callable[[], None]] = {
    "rows": rows_table,
    "steps": steps_table,
    "unroll": unroll_table,
    "options": options_table,
    "settings": settings_table,
    "mixed": mixed_table,
}


def main() -> None:
    """Print the tables of program times named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.programs", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"any of {', '.join(TABLES)}; default all")
    names = parser.parse_args().tables
    if names[:1] == [ONE_SETTING]:
        one_setting_table(names[1])
        return
    # As the engine has it: a call runs in the thread that is measured.
    jax.config.update("jax_cpu_enable_async_dispatch", val=False)
    for name in names or TABLES:
        TABLES[name]()


if __name__ == "__main__":
    main()
