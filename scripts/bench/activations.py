"""Measure the CPU time of scripts.activations beside that of `drive`, which writes equal tensors.

python -m scripts.bench.activations
python -m scripts.bench.activations --rows 10000 --layers all --rounds 7

Both run the same network on the same rows in the same batches, in turns, and write the same tensors
as safetensors. Programs are compiled before. `drive` is the loop of models/runtime/resident.py, its
outputs stacked and written by the library. Exit status 1 where the ratio of the medians is above
its limit, or a tensor differs.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import load_file, save

from models.runtime.durable_files import write_atomically
from models.runtime.resident import ResidentProgram, drive
from scripts.activations.inputs import InputOptions
from scripts.activations.job import Job, OpenJob
from scripts.activations.plan import PlanOptions
from scripts.command_line import script_parser

LIMIT = 1.5
"""Largest ratio of the CPU times of scripts.activations and `drive` in the benchmark."""

SECONDS = "{:8} {:6.2f} s of CPU, {:6.2f} s in all; {:.0f} rows/s of CPU"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark of scripts.activations; return the exit status."""
    options = _parser().parse_args(arguments)
    with TemporaryDirectory(prefix="lightwell-bench-", dir=options.folder) as name:
        folder = Path(name)
        images = np.random.default_rng(0).integers(0, 256, (options.rows, 28, 28), np.uint8)
        np.save(folder / "images.npy", images)
        return compare(folder, tuple(options.layers.split(",")), options.rounds)


def compare(folder: Path, layers: tuple[str, ...], rounds: int) -> int:
    """Compare both ways to write the activations of a folder's images; return the exit status.

    Args:
        folder: Has `images.npy`; the results are written below it.
    """
    data = str(folder / "images.npy")
    systems: dict[str, Callable[[int], Path]] = {}
    opened = Job("cnn", InputOptions(data), PlanOptions(layers), folder / "ours").open()
    program = opened.model.compile_apart(opened.model.declared[-1], (opened.plan.facts["bucket"],))
    systems["drive"] = lambda turn: _with_drive(opened, program, folder / f"drive-{turn}")
    systems["ours"] = lambda turn: _with_ours(opened, folder / f"ours-{turn}")
    # Both have run once before they are measured.
    opened.shard(0)
    _outputs(opened, program, 0, 1)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
    for turn in range(rounds):
        # The one that is first has the cleaner page cache, so they take turns.
        names = list(systems)[:: 1 if turn % 2 else -1]
        written = {name: _timed(systems[name], turn, seconds[name]) for name in names}
        if not _equal(*written.values()):
            print("the tensors of both ways differ", file=sys.stderr)
            return 1
        for one in written.values():
            _remove(one)
    return _verdict(seconds, opened.plan.rows)


def _timed(run: Callable[[int], Path], turn: int, seconds: list[tuple[float, float]]) -> Path:
    """Run one way of the benchmark of scripts.activations, and add its CPU and wall time."""
    cpu, wall = time.process_time(), time.perf_counter()
    written = run(turn)
    seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
    return written


def _verdict(seconds: dict[str, list[tuple[float, float]]], rows: int) -> int:
    """Print the medians of the benchmark of scripts.activations; return the exit status."""
    medians = {
        name: [median(column) for column in zip(*all_, strict=True)]
        for name, all_ in seconds.items()
    }
    for name, (cpu, wall) in medians.items():
        print(SECONDS.format(name, cpu, wall, rows / cpu))
    ratio = medians["ours"][0] / medians["drive"][0]
    print(f"ratio {ratio:.2f}, at most {LIMIT}")
    return int(ratio > LIMIT)


def _with_ours(opened: OpenJob, out: Path) -> Path:
    """Write activations by scripts.activations into a folder, for the benchmark."""
    with opened.claim(out) as folder:
        for number in folder.missing:
            folder.store(opened.shard(number))
    return out


def _with_drive(opened: OpenJob, program: ResidentProgram, out: Path) -> Path:
    """Write activations by `drive` into a folder, stacked, for the benchmark."""
    for number in range(opened.plan.shards):
        outputs = _outputs(opened, program, *opened.plan.span(number))
        stacked = {name: np.stack([one[name] for one in outputs]) for name in opened.plan.tensors}
        write_atomically(out / f"shard-{number:05d}.safetensors", save(stacked))
    return out


def _outputs(
    opened: OpenJob, program: ResidentProgram, first: int, last: int
) -> list[dict[str, np.ndarray]]:
    """Return the outputs of `drive` for some rows of the benchmark of scripts.activations."""
    images, layers = opened.inputs.read(first, last), opened.plan.layers
    runs = (opened.model.run("trace", {"image": image}, layers) for image in images)
    return drive(runs, {program.program.name: program})


def _equal(one: Path, other: Path) -> bool:
    """Return whether two folders of the benchmark of scripts.activations have equal tensors."""
    names = sorted(path.name for path in one.glob("*.safetensors"))
    if names != sorted(path.name for path in other.glob("*.safetensors")):
        return False
    for name in names:
        first, second = load_file(one / name), load_file(other / name)
        if first.keys() != second.keys():
            return False
        if not all(np.array_equal(first[key], second[key]) for key in first):
            return False
    return True


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _parser() -> argparse.ArgumentParser:
    parser = script_parser("python -m scripts.bench.activations", __doc__)
    parser.add_argument("--rows", type=int, default=2000, help="images (default: %(default)s)")
    parser.add_argument("--layers", default="all", help="comma-separated (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write (default: that of the system)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
