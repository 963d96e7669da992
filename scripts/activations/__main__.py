"""Write the activations of a whole data set to disk, in shards with an index.

python -m scripts.activations cnn --data test[:1000] --layers relu3,relu4 --out activations
python -m scripts.activations cnn --data pictures --layers relu3 --reduce mean,max --out means
python -m scripts.activations lstm --data sequences.txt --layers hidden --out hidden
python -m scripts.activations my-network --models networks --data images.npy --out activations

Where it was stopped, the same command goes on after the last whole shard. Exit status: 0 if all
shards are there, 1 if something cannot be read or written, 130 after Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lightwell.extras import MissingExtraError
from models.data.datasets import DatasetError
from models.printable import printable, printable_reason
from models.runtime.checkpoints import CheckpointError
from scripts.activations.inputs import InputOptions
from scripts.activations.job import Job, OpenJob
from scripts.activations.plan import PlanError, PlanOptions
from scripts.activations.shard_folder import FolderError, ShardFolder
from scripts.command_line import fail, script_parser

MIB = 2**20

ERRORS = (CheckpointError, DatasetError, FolderError, MissingExtraError, PlanError)
"""Errors of scripts.activations whose message is a sentence for the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the activations that the command line selects; return the exit status."""
    return attempt(job_of(_parser().parse_args(arguments)), write)


def attempt(job: Job, write_results: Callable[[Job], None]) -> int:
    """Write the results of a job of scripts.activations; print why it ended if it did not finish.

    Returns:
        The exit status.
    """
    try:
        write_results(job)
    except ERRORS as error:
        return fail("scripts.activations", str(error))
    except BrokenPipeError:
        # Else Python writes to the closed pipe again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return fail("scripts.activations", f"standard output was closed; {_again(job)}")
    except OSError as error:
        reason = error.strerror or printable_reason(error)
        return fail(
            "scripts.activations",
            f"cannot write to {printable(job.out, None)}: {reason}; {_again(job)}",
        )
    except KeyboardInterrupt:
        # 130 is the status that shells give a command that SIGINT has ended.
        return fail("scripts.activations", f"stopped; {_again(job)}", 130)
    return 0


def write(job: Job) -> None:
    """Write the activations of a job, and report its progress on standard output.

    Raises:
        OSError: The folder or standard output cannot be written to.
    """
    opened = job.open()
    with progress(opened) as (begin, report):
        opened.run(begin, report)
    say_done(opened)


def say_done(opened: OpenJob) -> None:
    """Print the extent of the results when a job of scripts.activations has ended."""
    plan = opened.plan
    shards = "1 shard" if plan.shards == 1 else f"{plan.shards:,} shards"
    say(f"{opened.job.out}: {plan.rows:,} rows in {shards}, {len(plan.tensors)} tensors")


def job_of(options: argparse.Namespace) -> Job:
    """Return the job that options of scripts.activations describe."""
    plan = PlanOptions(
        options.layers,
        options.reduce,
        options.bucket,
        options.checkpoint,
        options.shard_mib * MIB,
        options.storage,
        options.data,
    )
    given = InputOptions(options.data, options.preprocess, options.key)
    return Job(options.model, given, plan, options.out, options.models, options.folder)


def begun(folder: ShardFolder, opened: OpenJob) -> str:
    """Return a sentence about the shards of a folder when a run of scripts.activations begins."""
    missing, plan = len(folder.missing), opened.plan
    parts = []
    if folder.damaged:
        listed = ", ".join(map(str, folder.damaged[:8]))
        parts.append(f"damaged or missing and computed again: shard {listed}")
    if missing < plan.shards:
        parts.append(f"{plan.shards - missing:,} of {plan.shards:,} shards are there")
    return "; ".join(parts)


Reports = tuple[Callable[[ShardFolder], None], Callable[[int], None]]


@contextmanager
def progress(opened: OpenJob) -> Iterator[Reports]:
    """Show the progress of scripts.activations: a bar on a terminal, lines elsewhere."""
    total = opened.plan.rows
    if not sys.stdout.isatty() or not _has_rich():
        yield _lines(opened)
        return
    from rich.progress import (  # noqa: PLC0415 - optional
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("", total=total)

        def begin(folder: ShardFolder) -> None:
            bar.update(task, completed=folder.rows)
            if said := begun(folder, opened):
                bar.console.print(said)

        yield begin, lambda rows: bar.advance(task, rows)


def _has_rich() -> bool:
    try:
        import rich.progress  # noqa: F401, PLC0415 - optional
    except ImportError:
        return False
    return True


def _lines(opened: OpenJob) -> Reports:
    """Return functions that print a line for each shard of scripts.activations."""
    plan, done = opened.plan, [0]

    def begin(folder: ShardFolder) -> None:
        done[0] = folder.rows
        if said := begun(folder, opened):
            say(said)

    def report(rows: int) -> None:
        before = done[0]
        done[0] += rows
        if done[0] == plan.rows or before // plan.shard_rows < done[0] // plan.shard_rows:
            say(f"{done[0]:,} of {plan.rows:,} rows")

    return begin, report


def say(sentence: str) -> None:
    """Print a sentence about the progress of scripts.activations."""
    # Flushed, so that a closed pipe is noticed here and not when Python ends.
    print(sentence, flush=True)


def _again(job: Job) -> str:
    return f"the same command goes on after the last whole shard in {printable(job.out, None)}"


def _parser() -> argparse.ArgumentParser:
    """Declare the options of scripts.activations."""
    parser = script_parser("python -m scripts.activations", __doc__)
    add_options(parser)
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of scripts.activations that its form under Ray Data has too."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="name of a network, or a folder with a lightwell.toml")
    add(
        "--data",
        required=True,
        metavar="SOURCE",
        help="train or test of MNIST (name:train of another TensorFlow data set), a folder of "
        "pictures, an .npz, .npy or .safetensors, or a .txt of sequences; [:1000] at the end "
        "selects rows",
    )
    add("--out", required=True, type=Path, metavar="FOLDER", help="folder of the results")
    add(
        "--layers",
        type=_names,
        default=(),
        help="values of the trace, comma-separated, or all (default: those that the server shows)",
    )
    add(
        "--reduce",
        type=_names,
        default=(),
        help="mean, max: of each map, or over the steps of a sequence, of which last is the last",
    )
    add("--models", type=Path, metavar="FOLDER", help="model repository with networks of yours")
    add(
        "--folder",
        type=Path,
        metavar="FOLDER",
        help="other weights of a shipped network, in its file",
    )
    add("--checkpoint", metavar="NAME", help="training checkpoint in place of the weights")
    add("--preprocess", metavar="HOW", help="preparation of pictures, as of the server's images")
    add("--key", metavar="NAME", help="name of the inputs in an archive (default: inputs)")
    add("--bucket", type=int, help="batch size, one of the network's (default: the largest)")
    add("--shard-mib", type=_positive, default=256, help="most MiB of a shard, and of memory")
    _add_storage(parser)


def _add_storage(parser: argparse.ArgumentParser) -> None:
    """Declare the options of scripts.activations that choose the format of the shards."""
    storage = parser.add_mutually_exclusive_group()
    for name in ("parquet", "zarr"):
        storage.add_argument(
            f"--{name}",
            dest="storage",
            action="store_const",
            const=name,
            help=f"write {name.capitalize()} in place of safetensors",
        )
    parser.set_defaults(storage="safetensors")


def _names(text: str) -> tuple[str, ...]:
    """Parse a comma-separated option of scripts.activations."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _positive(text: str) -> int:
    """Parse an option of scripts.activations that is a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
