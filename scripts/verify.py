"""Check the network in a folder, and compare it with answers of the original network.

python -m scripts.verify my-network                      # with the reference of its declaration
python -m scripts.verify my-network original.safetensors # and its weights with the original's

The declaration and the weights are read as the server reads them, and the network is printed layer
by layer. Exit status: 0 if it agrees with the original or there is nothing to compare with, 1 if it
differs, 2 if something cannot be read.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.architecture import Architecture, Node
from models.declaration.declaration import FILE
from models.importers.conversion import GRAPHS, Names, convert
from models.importers.errors import ConversionError, printable
from models.importers.imported import Imported
from models.reference import (
    Reference,
    ReferenceFileError,
    differences,
    read_reference,
    reproduces,
)
from models.registry import ResidentModel, load_folder
from models.runtime.checkpoints import CheckpointError

AGREES, DIFFERS, UNREADABLE = 0, 1, 2


class Origin(NamedTuple):
    """Origin of a verified parameter: tensors of another library, their change, the rule."""

    theirs: tuple[str, ...]
    transformation: str
    by: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the network that the command line names; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return verify(options.folder, options.file)
    except (CheckpointError, ReferenceFileError, ConversionError, OSError) as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return UNREADABLE


def verify(folder: Path, file: Path | None = None) -> int:
    """Verify the network of a folder, print the findings and return the exit status.

    Args:
        file: The original network, of any format that is converted.

    Raises:
        CheckpointError: The server could not load the folder.
        ReferenceFileError: The reference cannot be read.
        ConversionError: The original cannot be converted, or in several ways.
    """
    model = load_folder(folder)
    architecture = model.architecture
    name = architecture.declaration.reference
    reference = read_reference(folder / name, architecture) if name else None
    original = _original(model, folder, file, reference) if file else None
    _print_network(model, original)
    began = time.perf_counter()
    model.compile()
    print(f"\nThe server's programs compile in {time.perf_counter() - began:.1f} s.")
    is_equal = _compare_weights(model, original, file) if original and file else True
    return AGREES if _compare_values(model, reference, name) and is_equal else DIFFERS


def _original(
    model: ResidentModel, folder: Path, file: Path, reference: Reference | None
) -> Imported:
    """Convert the original's file again, for the network that is verified.

    Raises:
        ConversionError: It cannot be converted, or has other layers than the declaration.
    """
    decide = reproduces(model.architecture, reference) if reference else None
    declaration = None if file.suffix.lower() in GRAPHS else folder / FILE
    found = convert(file, Names(model.name), declaration, lambda _: decide)
    return found if declaration else _renamed(found, model.architecture)


def _renamed(found: Imported, architecture: Architecture) -> Imported:
    """Return the network of a graph with the names of the verified one, whose order it has."""
    theirs = found.architecture.parameters
    if [*theirs.values()] != [*architecture.parameters.values()]:
        msg = "the original's layers have other parameters than those of the declaration"
        raise ConversionError(msg)
    names = dict(zip(theirs, architecture.parameters, strict=True))
    return replace(
        found,
        parameters={names[name]: values for name, values in found.parameters.items()},
        matches=tuple(one._replace(ours=names[one.ours]) for one in found.matches),
    )


def _print_network(model: ResidentModel, original: Imported | None) -> None:
    """Print the network that is verified, layer by layer."""
    architecture = model.architecture
    declaration = architecture.declaration
    total = sum(prod(shape) for shape in architecture.parameters.values())
    print(f"{model.name}: {declaration.title}")
    print(f"{_described(architecture)}, {len(architecture.classes)} classes, {total:,} parameters")
    origins = _origins(original, model.checkpoint.metadata)
    rows = [("layer", "line", "output", "parameters", "matched with")]
    for node in architecture.nodes:
        own = _own(node, architecture)
        rows.append(
            (
                node.name,
                declaration.layers[node.line].text,
                " x ".join(map(str, node.shape)),
                f"{sum(map(prod, own.values())):,}" if own else "",
                _described_origins(origins[name] for name in own if name in origins),
            )
        )
    print()
    _print_table(rows)
    if architecture.removed:
        print(f"The last {architecture.removed} is taken off: it makes probabilities of logits.")
    if not origins:
        print("The weights do not say which tensors of another library they were made from.")


def _described(architecture: Architecture) -> str:
    """Describe the input of the network that is verified."""
    if architecture.family == "image":
        spec = architecture.image
        return f"images of {spec.height} x {spec.width} x {spec.channels}"
    symbols = architecture.sequence
    if not symbols.alphabet:
        return f"sequences of {symbols.features} features"
    return f"sequences of {len(symbols.alphabet)} symbols ({symbols.encoding})"


def _own(node: Node, architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the parameters of one layer that is verified."""
    return {
        name: shape
        for name, shape in architecture.parameters.items()
        if name.startswith(f"{node.name}.")
    }


def _origins(original: Imported | None, metadata: Mapping[str, Any]) -> dict[str, Origin]:
    """Return the origin of each verified parameter by its name.

    Args:
        original: Conversion of the original's file; without one the earlier conversion is shown,
            which the metadata of the weights have.
    """
    if original:
        by = {name: original.by.get(name.partition(".")[0], "") for name in original.parameters}
        return {m.ours: Origin(m.theirs, m.transformation, by[m.ours]) for m in original.matches}
    recorded = metadata.get("matched")
    # Metadata of a file of other origin may have anything.
    return {
        str(one.get("ours")): Origin(
            tuple(map(str, one["theirs"])),
            str(one.get("transformation", "")),
            str(one.get("by", "")),
        )
        for one in (recorded if isinstance(recorded, list) else [])
        if isinstance(one, dict) and isinstance(one.get("theirs"), list)
    }


def _described_origins(origins: Iterable[Origin]) -> str:
    """Describe the origins of a verified layer's parameters, tensors of one change together."""
    tensors: dict[str, dict[str, None]] = {}
    for one in origins:
        change = ", ".join([one.transformation, *([f"by {one.by}"] if one.by else [])])
        tensors.setdefault(printable(change), {}).update(dict.fromkeys(map(printable, one.theirs)))
    return "; ".join(f"{', '.join(names) or 'none'} ({text})" for text, names in tensors.items())


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of a verified network's table in aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _compare_weights(model: ResidentModel, original: Imported, file: Path) -> bool:
    """Compare the weights that are verified with those of the original's file, to the bit."""
    different = [
        name
        for name, values in original.parameters.items()
        if not np.array_equal(model.weights[name], values)
    ]
    for name in different:
        held = _holder(model.weights[name], original)
        other = f": it has the values of {held}" if held else ""
        print(f"{name} is not that of {printable(file.name)}{other}")
    if not different:
        print(f"All {len(original.parameters)} parameters are those of {printable(file.name)}.")
    return not different


def _holder(values: np.ndarray, original: Imported) -> str:
    """Return the name of the parameter whose values of the original a verified one has."""
    same = (name for name, one in original.parameters.items() if np.array_equal(one, values))
    return next(same, "")


def _compare_values(model: ResidentModel, reference: Reference | None, name: str | None) -> bool:
    """Compare the values of the network that is verified with its reference; print each tensor."""
    if reference is None:
        print(
            "Not compared with the original: the declaration names no reference, a file of inputs "
            "and of the logits that the original gave for them."
        )
        return True
    found = differences(model.architecture, model.weights, reference)
    print(f"\nCompared with {name}: {len(reference.inputs)} inputs.\n")
    rows = [("tensor", "largest |a - b|", "limit", "")]
    for one in found:
        verdict = "agrees" if one.agrees else "differs"
        rows.append((one.name, f"{one.largest:.1e}", f"{one.limit:.1e}", verdict))
    _print_table(rows)
    different = [one.name for one in found if not one.agrees]
    if different:
        print(f"\nDiffers from the original in {', '.join(different)}.")
        return False
    tensors = f"all {len(found)} tensors" if len(found) > 1 else found[0].name
    print(f"\nAgrees with the original in {tensors}.")
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.verify",
        description="Check the network in a folder, and compare it with the original.",
    )
    parser.add_argument("folder", type=Path, help="folder with lightwell.toml and weights")
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        help="the original network, with which the weights are compared; of any format that "
        "scripts.convert reads",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
