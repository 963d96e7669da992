"""The device programs by themselves: what rows, steps and the compiler's settings cost.

    python -m scripts.bench.programs            every table
    python -m scripts.bench.programs settings   one of them

Variants of one table take turns, round by round, so that a machine that is slow for a while is slow
for all of them; a figure is the median of its rounds.
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
from models.rnn.programs import CHUNKS, run_lstm
from models.runtime.compilation import OPTIONS
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
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "as JAX comes": {},
    "dispatch in the calling thread": {},
    "loops as one kernel": {"XLA_FLAGS": f"--xla_backend_extra_options={LOOP}"},
    "no YNN fusions": {"XLA_FLAGS": "--xla_cpu_experimental_ynn_fusion_type="},
}
"""Of a process; the second has no variable, only a setting in JAX."""

Work = Callable[[], object]


class Cost(NamedTuple):
    """What one call takes, in seconds: by the clock, and of all processors together."""

    wall: float
    processor: float


def costs(works: Mapping[str, Work]) -> dict[str, Cost]:
    """Time works by turns."""
    times: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(_round(work))
    return {
        name: Cost(*map(statistics.median, zip(*of, strict=True))) for name, of in times.items()
    }


def _round(work: Work) -> Cost:
    """Call once unmeasured, then for a while."""
    work()
    calls, began, began_processor = 0, time.perf_counter(), time.process_time()
    while (now := time.perf_counter()) < began + ROUND_S or calls == 0:
        work()
        calls += 1
    now = time.perf_counter()
    return Cost((now - began) / calls, (time.process_time() - began_processor) / calls)


def parameters_of(model: ResidentModel) -> dict[str, jax.Array]:
    """Put a model's weights on the device."""
    extra = model.familiarity.resident if model.familiarity else {}
    on_device: dict[str, jax.Array] = jax.device_put({**model.weights, **extra})
    return on_device


def work_of(
    program: Program,
    parameters: Mapping[str, jax.Array],
    rows: int,
    options: Mapping[str, str | bool] | None = None,
) -> tuple[Work, float]:
    """Compile a program for so many rows; return one call of it, and what compiling took.

    Args:
        options: Of the compiler; None compiles as the server does.

    Returns:
        The work, and processor seconds for lowering and compiling.
    """
    served = OPTIONS.get(program.name.partition(".")[0], {})
    began = time.process_time()
    # A function of its own, as JAX would not trace the same one again.
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
    """Draw one input of a bucket: zeros and ones, and lengths of one step."""
    if name == "length":
        return np.ones(described.shape, described.dtype)
    drawn: np.ndarray = generator.integers(0, 2, described.shape).astype(described.dtype)
    return drawn


def print_table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print Markdown."""
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    print(f"\n### {title}\n")
    print("\n".join("| " + " | ".join(row) + " |" for row in rows), flush=True)


def declared(name: str, chunks: Sequence[int]) -> tuple[dict[str, Program], dict[str, jax.Array]]:
    """Declare a model's programs, those of the LSTM for these chunks."""
    with mock.patch("models.rnn.programs.CHUNKS", tuple(chunks)):
        model = load(name)
    return {program.name: program for program in model.declared}, parameters_of(model)


def rows_table() -> None:
    """Print what a call costs by bucket."""
    for model, chunk in (("cnn", 0), ("lstm", 128), ("lstm", 512)):
        programs, parameters = declared(model, (chunk,))
        for name, program in programs.items():
            made = {str(rows): work_of(program, parameters, rows) for rows in ROWS}
            measured = costs({rows: work for rows, (work, _) in made.items()})
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
    """Print what a call of the LSTM costs by chunk."""
    programs, parameters = declared("lstm", STEPS)
    for kind in ("predict", "trace"):
        for rows in (1, 4, 16):
            works = {
                str(steps): work_of(programs[f"lstm.{kind}.{steps}"], parameters, rows)[0]
                for steps in STEPS
            }
            lines = [
                [steps, f"{cost.wall * 1e3:.3f}", f"{cost.wall * 1e6 / int(steps) / rows:.3f}"]
                for steps, cost in costs(works).items()
            ]
            head = ("steps", "ms a call", "µs a step and row")
            print_table(f"lstm.{kind}, {rows} rows, by steps", head, lines)


@contextmanager
def unrolled(times: int) -> Iterator[None]:
    """Have every scan put so many steps into one turn of its loop."""
    with mock.patch("jax.lax.scan", partial(jax.lax.scan, unroll=times)):
        yield


def unroll_table() -> None:
    """Print what unrolling the scan gives."""
    programs, parameters = declared("lstm", (128,))
    lines = []
    for name, program in programs.items():
        for rows in (1, 16):
            made = {}
            for times in (1, 2, 4, 8):
                with unrolled(times):
                    made[str(times)] = work_of(program, parameters, rows)
            measured = costs({times: work for times, (work, _) in made.items()})
            lines += [
                [f"{name}, {rows} rows", times, *_columns(cost), f"{made[times][1]:.2f}"]
                for times, cost in measured.items()
            ]
    print_table("Unrolling", ("program", "steps a turn", *COLUMNS, "s to compile"), lines)


COLUMNS = ("ms a call", "processor ms a call")


def _columns(cost: Cost) -> list[str]:
    return [f"{cost.wall * 1e3:.3f}", f"{cost.processor * 1e3:.3f}"]


def options_table() -> None:
    """Print what options of the compiler give, program by program."""
    lines = []
    for name, program, parameters in _chosen():
        for rows in (1, 8):
            made = {
                option: work_of(program, parameters, rows, value)
                for option, value in CPU_OPTIONS.items()
            }
            measured = costs({option: work for option, (work, _) in made.items()})
            lines += [
                [f"{name}, {rows} rows", option, *_columns(cost), f"{made[option][1]:.2f}"]
                for option, cost in measured.items()
            ]
    head = ("program", "compiler options", *COLUMNS, "s to compile")
    print_table("Options of the compiler", head, lines)


def _chosen() -> Iterator[tuple[str, Program, dict[str, jax.Array]]]:
    """List the programs that settings are tried on."""
    for model in ("cnn", "lstm"):
        programs, parameters = declared(model, (128,))
        for name, program in programs.items():
            yield name, program, parameters


def settings_table() -> None:
    """Print what settings of the process give; each needs a process of its own."""
    for name, variables in SETTINGS.items():
        command = [sys.executable, "-m", "scripts.bench.programs", ONE_SETTING, name]
        subprocess.run(command, env={**os.environ, **variables}, check=True)  # noqa: S603 - ours


def one_setting_table(name: str) -> None:
    """Print what a few programs cost in this process as it is set."""
    if "calling thread" in name:
        jax.config.update("jax_cpu_enable_async_dispatch", val=False)
    works = {
        f"{label}, {rows} rows": work_of(program, parameters, rows)[0]
        for label, program, parameters in _chosen()
        for rows in (1, 8)
    }
    lines = [[label, *_columns(cost)] for label, cost in costs(works).items()]
    print_table(name, ("program", *COLUMNS), lines)


def mixed_table() -> None:
    """Print the throughput over mixed lengths, and with all of them padded to the longest."""
    draw = np.random.default_rng(3).uniform(np.log(4), np.log(LONGEST), SEQUENCES)
    lengths = np.exp(draw).astype(int)
    ways: Mapping[str, tuple[Sequence[int], np.ndarray]] = {
        "in chunks": (CHUNKS, lengths),
        "padded": ((LONGEST,), np.full_like(lengths, LONGEST)),
    }
    lines = []
    for kind, output in (("predict", "logits"), ("trace", "input_gate")):
        works = {name: _driven(kind, output, *way) for name, way in ways.items()}
        rates = [SEQUENCES / cost.wall for cost in costs(works).values()]
        lines.append([kind, *(f"{rate:,.0f}" for rate in rates), f"{rates[0] / rates[1]:.1f}×"])
    head = ("sequences per second", *ways, "gain")
    print_table(f"Lengths from 4 to {LONGEST:,}, log-uniform", head, lines)


def _driven(kind: str, output: str, chunks: Sequence[int], lengths: np.ndarray) -> Work:
    """Return the work of driving one run for each length, side by side."""
    programs, parameters = declared("lstm", chunks)
    resident = {
        name: ResidentProgram(program, parameters, row_buckets("lstm"))
        for name, program in programs.items()
        if kind in name
    }
    zeros = np.zeros(parameters["cell.dense_h.kernel"].shape[0], np.float32)
    rows = [
        {"sequence": np.ones(length, np.uint8), "cell": zeros, "hidden": zeros}
        for length in lengths
    ]

    def work() -> None:
        with mock.patch("models.rnn.programs.CHUNKS", tuple(chunks)):
            drive([run_lstm(kind, row, frozenset({output})) for row in rows], resident)

    return work


TABLES: Mapping[str, Callable[[], None]] = {
    "rows": rows_table,
    "steps": steps_table,
    "unroll": unroll_table,
    "options": options_table,
    "settings": settings_table,
    "mixed": mixed_table,
}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.programs", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"which of {', '.join(TABLES)}; all if none")
    asked = parser.parse_args().tables
    if asked[:1] == [ONE_SETTING]:
        one_setting_table(asked[1])
        return
    jax.config.update("jax_cpu_enable_async_dispatch", val=False)
    for name in asked or TABLES:
        TABLES[name]()


if __name__ == "__main__":
    main()
