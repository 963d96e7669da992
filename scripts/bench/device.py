"""Programs, server and training on the device of this machine, in under ten minutes.

    python -m scripts.bench.device
    python -m scripts.bench.device --small --only programs

Prints Markdown: each program by batch size, alone and with transfers, with the limit that the
device sets (launch, arithmetic or memory, from a measured roofline), and the batch sizes that
follow; latency and throughput of a server with 1 and 32 clients; and training to 99 % on MNIST, or,
without it, the time of epochs on repeated samples. Each section has a process of its own, as a
device may belong to one process. A section that has not ended after --seconds is ended, and named.
`--small` is for a CPU.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
import numpy as np

from models.data import samples
from models.data.datasets import Digits, find, mnist
from models.registry import ResidentModel, load
from models.runtime.compilation import ExecutableKey
from models.runtime.programs import Call, Program
from models.runtime.resident import ResidentProgram
from scripts.bench import roofline
from scripts.bench.measure import closed_loop
from scripts.bench.processes import ROOT, Server, free_port
from scripts.bench.programs import Cost, Function, costs, parameters_of, print_table
from scripts.bench.report import machine
from scripts.bench.roofline import Roofline, estimates
from scripts.bench.systems import SYSTEMS
from scripts.bench.training import GOAL, Training, train_lightwell
from scripts.bench.workloads import workloads
from scripts.command_line import script_parser

WORTH = 1.1
"""A larger batch on a device that takes at most this many times as long replaces a smaller one."""

PROGRAMS: Mapping[str, Sequence[str]] = {
    "cnn": ("predict", "trace", "gradient"),
    "lstm": ("predict.128", "trace.128"),
}
SERVED = ("predict", "activations-safetensors", "gates-100")
CLIENTS = (1, 32)


@dataclass(frozen=True)
class Extent:
    """Extent of one measurement of a device: batch sizes, arrays, windows, images and epochs."""

    rows: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128)
    side: int = 4096
    copied: int = 1 << 28
    window_s: float = 2.0
    images: int | None = None
    epochs: int = 6


SMALL = Extent((1, 4), 256, 1 << 20, 0.3, 512, 1)
"""Extent of a device measurement that a CPU ends in a minute."""


@dataclass(frozen=True)
class Timed:
    """Time of one program on a device at one batch size, in seconds a call.

    Attributes:
        whole_s: With rows copied to the device and all outputs copied back.
    """

    rows: int
    call_s: float
    whole_s: float
    flops: float
    moved: float

    def row(self, limits: Roofline) -> list[str]:
        """Return the table row of a program on the device, with its limit."""
        name, share = limits.limit(self.call_s, self.flops, self.moved)
        return [
            str(self.rows),
            f"{1e3 * self.call_s:.3f}",
            f"{1e3 * self.whole_s:.3f}",
            f"{1e6 * self.whole_s / self.rows:.1f}",
            f"{self.flops / self.call_s / 1e9:,.0f}",
            f"{self.moved / self.call_s / 1e9:,.0f}",
            f"{name}, {share:.0%}",
        ]


def chosen_buckets(whole_s: Mapping[int, float]) -> list[int]:
    """Choose batch sizes of a program on a device from the time of a call at each.

    A size is left out where a larger one takes hardly longer, and beyond the size from which on a
    row becomes hardly cheaper.
    """
    sizes = sorted(whole_s)
    cheapest = min(whole_s[size] / size for size in sizes)
    largest = next(size for size in sizes if whole_s[size] / size <= WORTH * cheapest)
    usable = [size for size in sizes if size <= largest]
    return [
        size
        for at, size in enumerate(usable)
        if all(whole_s[larger] > WORTH * whole_s[size] for larger in usable[at + 1 :])
    ]


def timed(model: ResidentModel, program: Program, rows: Sequence[int]) -> list[Timed]:
    """Time a program on the device at several batch sizes, in interleaved rounds."""
    parameters, program = parameters_of(model), replace(program, optional=frozenset())
    options = dict(program.options) if jax.default_backend() == "cpu" else None
    executables: dict[int, jax.stages.Compiled] = {}
    functions: dict[str, Function] = {}
    for size in rows:
        lowered = jax.jit(partial(program)).lower(parameters, program.rows(size))
        executables[size] = lowered.compile(compiler_options=options)
        key = ExecutableKey(program.name, size)
        resident = ResidentProgram(program, parameters, (size,), {key: executables[size]})
        functions |= _calls(program, parameters, executables[size], resident, size)
    found = costs(functions)
    return [_timed(size, found, executables[size]) for size in rows]


def _timed(size: int, found: Mapping[str, Cost], executable: object) -> Timed:
    return Timed(
        size, found[f"call {size}"].wall, found[f"whole {size}"].wall, *estimates(executable)
    )


def _calls(
    program: Program,
    parameters: Mapping[str, jax.Array],
    executable: Callable[..., object],
    resident: ResidentProgram,
    size: int,
) -> dict[str, Function]:
    """Return the calls of one executable on the device: alone, and with rows and outputs copied."""
    generator = np.random.default_rng(1)
    row = {
        name: (
            generator.integers(0, 2, one.shape) if name != "length" else np.ones(one.shape)
        ).astype(one.dtype)
        for name, one in program.row.items()
    }
    held = jax.device_put(
        {name: np.stack([np.asarray(value)] * size) for name, value in row.items()}
    )
    outputs = jax.eval_shape(program, parameters, program.rows(size))
    calls = [Call(program.name, row, frozenset(outputs))] * size
    return {
        f"call {size}": lambda: jax.block_until_ready(executable(parameters, held)),
        f"whole {size}": lambda: resident(calls),
    }


def programs(extent: Extent) -> None:
    """Print the time of programs on the device by batch size, and the batch sizes that follow."""
    devices = ", ".join(f"{one.platform} ({one.device_kind})" for one in jax.devices())
    limits = roofline.measure(extent.side, extent.copied)
    print(
        f"\nDevices: {devices}. A call that computes nothing takes "
        f"{1e6 * limits.launch_s:.0f} µs; products of float32 "
        f"reach {limits.flops_per_s / 1e9:,.0f} GFLOP/s, copies {limits.bytes_per_s / 1e9:,.0f} "
        "GB/s. Operations and bytes are the compiler's estimates; it counts a loop's body once.",
        flush=True,
    )
    head = ("rows", "ms alone", "ms with copies", "µs a row", "GFLOP/s", "GB/s", "limit")
    for name, wanted in PROGRAMS.items():
        model = load(name)
        known = {one.name: one for one in (*model.declared, *model.analyses.values())}
        for program in (known[one] for one in wanted):
            found = timed(model, program, extent.rows)
            print_table(f"{name}.{program.name}", head, [one.row(limits) for one in found])
            sizes = chosen_buckets({one.rows: one.whole_s for one in found})
            print(f"\nBatch sizes: {', '.join(map(str, sizes))}.", flush=True)


def server(extent: Extent) -> None:
    """Print latency, throughput and CPU time of a server on the device, with 1 and 32 clients."""
    lightwell, known = SYSTEMS[0], workloads()
    port, lines = free_port(), []
    command = lightwell.command(sys.executable, port)
    ready = lightwell.requests(known["predict"])[0]
    with (
        tempfile.TemporaryDirectory(prefix="lightwell-device-") as logs,
        Server(command, port, ready, Path(logs) / "server.log", {}) as running,
    ):
        running.settle(60)
        for name in SERVED:
            for clients in CLIENTS:
                found = closed_loop(running, lightwell, known[name], clients, extent.window_s)
                window = found.window
                times = (f"{1e3 * one:.2f}" for one in (window.p50_s, window.p99_s))
                each = f"{1e3 * found.cpu_s / max(1, window.answers):.2f}"
                rate, failed = f"{window.per_second:,.0f}", str(sum(window.errors.values()))
                lines.append([f"{name}, {clients}", rate, *times, each, failed])
    head = ("workload, clients", "requests/s", "p50 ms", "p99 ms", "CPU ms a request", "errors")
    print_table("Server", head, lines)


def training(extent: Extent) -> None:
    """Print the time of training epochs on the device, and the time to 99 % on MNIST."""
    train, test, is_mnist = _digits(extent.images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        np.savez(
            path,
            images=train.images,
            labels=train.labels,
            test_images=test.images,
            test_labels=test.labels,
        )
        found = train_lightwell(path, extent.epochs, whole_recipe=False)
    print_table(
        "Training of SimpleCNN",
        ("epoch", "seconds", "test accuracy"),
        [
            [str(number), f"{seconds:.2f}", f"{accuracy:.2%}" if is_mnist else "not measured"]
            for number, (seconds, accuracy) in enumerate(zip(*found, strict=True), 1)
        ],
    )
    print(f"\n{described(found, len(train.labels), is_mnist=is_mnist)}", flush=True)


def described(found: Training, images: int, *, is_mnist: bool) -> str:
    """Describe training on the device in a sentence: images per second, and time to 99 %."""
    rate = f"{images / found.epoch_s:,.0f} images/s"
    if not is_mnist:
        return f"{rate}; no MNIST below TFDS_DATA_DIR: accuracy was not measured."
    goal = found.goal_s
    reached = "not reached" if goal is None else f"after {goal:.1f} s, compilation included"
    return f"{rate}; {GOAL:.0%} test accuracy {reached}."


def _digits(images: int | None) -> tuple[Digits, Digits, bool]:
    """Return training and test images: MNIST, or without it the shipped samples, repeated."""
    if find("train") is not None:
        train = mnist("train")
        return Digits(train.images[:images], train.labels[:images]), mnist("test"), True
    held, count = samples.load(), images or 60_000
    repeated = np.resize(held.images, (count, *held.images.shape[1:]))
    train = Digits(repeated, np.resize(held.labels, count).astype(np.uint8))
    return train, Digits(train.images[:100], train.labels[:100]), False


SECTIONS: Mapping[str, Callable[[Extent], None]] = {
    "programs": programs,
    "server": server,
    "training": training,
}


def main(arguments: Sequence[str]) -> int:
    """Measure the device; return 1 if a section failed or did not end in time."""
    flags, began = _parser().parse_args(arguments), time.monotonic()
    if flags.section:
        # As the engine has it: on CPU a call runs in the thread that is measured.
        jax.config.update("jax_cpu_enable_async_dispatch", val=False)
        SECTIONS[flags.section](SMALL if flags.small else Extent())
        return 0
    print("\n".join(f"- {name}: {value}" for name, value in machine().items()), flush=True)
    failed = []
    for name in flags.only or SECTIONS:
        command = [sys.executable, "-m", "scripts.bench.device", "--section", name]
        left_s = max(0.1, flags.seconds - (time.monotonic() - began))
        if not _has_ended([*command, *(["--small"] * flags.small)], left_s):
            failed.append(name)
        print(f"\n`{name}` ended after {time.monotonic() - began:.0f} s.", flush=True)
    if failed:
        print(f"Without a whole result: {', '.join(failed)}.")
    return int(bool(failed))


def _has_ended(command: Sequence[str], timeout_s: float) -> bool:
    """Run a section of the device measurement; return whether it ended in time without an error."""
    try:
        return subprocess.run(command, cwd=ROOT, timeout=timeout_s, check=False).returncode == 0  # noqa: S603
    except subprocess.TimeoutExpired:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = script_parser("python -m scripts.bench.device", __doc__)
    parser.add_argument("--small", action="store_true", help="few rows, images and seconds")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections to measure")
    parser.add_argument(
        "--seconds", type=float, default=570.0, help="longest duration of all sections (570)"
    )
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
