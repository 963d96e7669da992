"""Measure how pictures that people send are read: rates of each kind, over drawn pictures.

    python -m tests.pictures.measure --count 100 --digits train --jobs 2
    python -m tests.pictures.measure --kind ruled-wide --kind thumb --save pictures
    python -m tests.pictures.measure --from pictures

A kind marked with ! is below its target. Pictures are saved as KIND/NUMBER-is-DIGIT.png or .jpg.
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from api.requests.model_input import ModelInput
from models.data.datasets import Digits
from tests.pictures import digits as sources
from tests.pictures.kinds import KINDS
from tests.pictures.rates import by_kind, table
from tests.pictures.reading import Reader, prepared


class Picture(NamedTuple):
    """Encoded picture of a digit, of one kind."""

    kind: str
    number: int
    label: int
    encoded: bytes

    @property
    def path(self) -> Path:
        """Path of the picture in a folder of saved ones."""
        ending = "png" if self.encoded.startswith(b"\x89PNG") else "jpg"
        return Path(self.kind, f"{self.number:03}-is-{self.label}.{ending}")


def picture(name: str, number: int, seed: int, digits: Digits) -> Picture:
    """Draw one picture of a kind; the same numbers give the same picture."""
    random = np.random.default_rng([zlib.crc32(name.encode()), seed, number])
    kind = KINDS[name]
    label = number % 10 if kind.label is None else kind.label
    return Picture(name, number, label, kind.draw(sources.one_of(digits, label, random), random))


def pictures(name: str, numbers: Sequence[int], seed: int, digits: Digits) -> Iterator[Picture]:
    """Draw pictures of a kind, of the digits in turn."""
    for number in numbers:
        yield picture(name, number, seed, digits)


def saved(folder: Path, name: str) -> Iterator[Picture]:
    """Read the pictures of a kind from a folder."""
    for path in sorted((folder / name).glob("*-is-*")):
        number, _, label = path.stem.split("-")
        yield Picture(name, int(number), int(label), path.read_bytes())


def _prepare(options: argparse.Namespace, name: str) -> list[tuple[str, int, ModelInput | None]]:
    """Draw or read the pictures of a kind, and prepare them for the network."""
    found = (
        saved(options.folder, name)
        if options.folder
        else pictures(name, range(options.count), options.seed, options.loaded)
    )
    rows = []
    for one in found:
        if options.save:
            (options.save / one.path).parent.mkdir(parents=True, exist_ok=True)
            (options.save / one.path).write_bytes(one.encoded)
        rows.append((name, one.label, prepared(one.encoded)))
    return rows


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="pictures of each kind")
    parser.add_argument("--kind", action="append", help="only this kind; may be given again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digits", choices=("fixture", "train", "test"), default="fixture")
    parser.add_argument("--jobs", type=int, default=1, help="processes that draw")
    parser.add_argument("--save", type=Path, help="folder for the pictures")
    parser.add_argument("--from", dest="folder", type=Path, help="folder of saved pictures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw or read pictures, answer them and print the rates."""
    options = _options(arguments)
    options.loaded = None if options.folder else sources.load(options.digits)
    present = sorted(path.name for path in options.folder.iterdir()) if options.folder else KINDS
    names = options.kind or list(present)
    if options.jobs > 1:
        # Not by fork, which a process with JAX's threads does not survive.
        with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
            parts = list(pool.map(partial(_prepare, options), names))
    else:
        parts = [_prepare(options, name) for name in names]
    rows = [row for part in parts for row in part]
    answers = Reader().answers([given for _, _, given in rows])
    print(table(by_kind((k, d, a) for (k, d, _), a in zip(rows, answers, strict=True))))  # noqa: T201 - a command


if __name__ == "__main__":
    main()
