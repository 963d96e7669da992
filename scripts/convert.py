"""Convert a network of another library to a folder that Lightwell serves.

    python -m scripts.convert mine.onnx --name mine --classes cat,dog
    python -m scripts.convert mine.keras --name mine
    python -m scripts.convert mine.safetensors --name mine --declaration lightwell.toml

ONNX and `.keras` files have the architecture; for safetensors, npz, msgpack and Orbax it comes from
a declaration, or is guessed from the shapes of the tensors. No code of the file is run.

Exit status: 0 if the folder was written, 1 if its answers differ from those of --reference, 2 if
it could not be written.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.declaration.declaration import FILE, Declaration
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from models.importers.answers import REFERENCE, read_answers, with_reference
from models.importers.conversion import Names, convert
from models.importers.errors import ConversionError, printable
from models.importers.imported import WEIGHTS, Imported
from models.importers.matching import Reproduces
from models.model_files import ARTIFACT_KINDS, ModelFiles
from models.network_files import load_report
from models.network_name import NAME_RULE, is_network_name
from models.reference import (
    Reference,
    ReferenceFileError,
    differences,
    read_reference,
    reference_of,
    reproduces,
)
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import CheckpointError
from models.runtime.durable_files import write_atomically

WRITTEN, DIFFERS, REFUSED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert the file that the command line names; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        folder = _target(options)
        names = Names(options.title or options.name, options.classes, options.alphabet)
        found = convert(options.file, names, options.declaration, _decide(options.declaration))
        metadata = {"model": options.name, "converted_from": options.file.name}
        if options.reference:
            return _write_compared(found, options.reference, folder, metadata)
        _save(found, folder, metadata)
        _copy_reference(found, options.declaration, folder)
        _report(found, folder)
    except (ConversionError, DeclarationError, ReferenceFileError, OSError) as error:
        print(f"cannot be converted: {error}", file=sys.stderr)
        return REFUSED
    return WRITTEN


def _write_compared(
    found: Imported, path: Path, folder: Path, metadata: Mapping[str, object]
) -> int:
    """Write a converted network with answers of its original; return the exit status.

    Args:
        path: File with the answers. Nothing is written where they do not fit the network.
    """
    answers = read_answers(path, found)
    found = with_reference(found)
    reference = reference_of(answers, found.architecture, path.name)
    _save(found, folder, metadata)
    checkpoints.save(folder / REFERENCE, answers, {})
    _report(found, folder)
    return _compared(found, reference)


def _save(found: Imported, folder: Path, metadata: Mapping[str, object]) -> None:
    """Write a converted network, and remove report and artifacts of the weights that it replaces.

    The server refuses a network that has any of them.
    """
    found.save(folder, metadata)
    digest = checkpoints.digest(found.parameters)
    for path, read in _made_for_weights(folder):
        try:
            read(path, digest)
        except CheckpointError as error:
            path.unlink()
            print(f"Removed: {printable(error, 200)}.")


def _made_for_weights(folder: Path) -> list[tuple[Path, Callable[[Path, str], object]]]:
    """Return files that are valid for one set of weights, with their readers, missing ones too."""
    files = ModelFiles(folder / WEIGHTS)
    made = [(files.artifact(kind), artifacts.load) for kind in ARTIFACT_KINDS]
    return [(files.report, load_report), *made]


def _compared(found: Imported, reference: Reference) -> int:
    """Compare the converted network with answers of the original; return the exit status."""
    status = WRITTEN
    for one in differences(found.architecture, found.parameters, reference):
        verdict = "agrees with" if one.agrees else "DIFFERS from"
        print(f"{one.name} {verdict} the original: {one.largest:.1e}, allowed {one.limit:.1e}.")
        status = status if one.agrees else DIFFERS
    return status


def _target(options: argparse.Namespace) -> Path:
    """Return the folder that the conversion writes, which may not hold a network yet."""
    if not is_network_name(options.name):
        msg = f"--name {printable(options.name)}: {NAME_RULE}"
        raise ConversionError(msg)
    folder = Path(options.out, options.name)
    if options.reference and options.reference.resolve() == (folder / REFERENCE).resolve():
        msg = (
            f"--reference {options.reference} is the file that is written, with inputs scaled "
            "as the original does: keep the original's answers in another folder"
        )
        raise ConversionError(msg)
    written = [FILE, WEIGHTS, *([REFERENCE] if options.reference else [])]
    paths = [folder / name for name in written] + [path for path, _ in _made_for_weights(folder)]
    taken = [path for path in paths if path.exists()]
    if taken and not options.replace:
        msg = f"{taken[0]} exists: give another --name or --out, or --replace"
        raise ConversionError(msg)
    return folder


def _decide(declaration: Path | None) -> Callable[[Declaration], Reproduces | None] | None:
    """Return the check of converted weights against the reference of a declaration."""
    if declaration is None:
        return None

    def decide(found: Declaration) -> Reproduces | None:
        if found.reference is None:
            return None
        architecture = derive(found)
        try:
            reference = read_reference(declaration.parent / found.reference, architecture)
        except ReferenceFileError as error:
            raise ConversionError(str(error)) from error
        return reproduces(architecture, reference)

    return decide


def _copy_reference(found: Imported, declaration: Path | None, folder: Path) -> None:
    """Copy the reference of a declaration to the folder of the converted network."""
    name = found.declaration.reference
    if name is not None and declaration is not None and declaration.parent != folder:
        write_atomically(folder / name, (declaration.parent / name).read_bytes())


def _report(found: Imported, folder: Path) -> None:
    """Print the converted network, where each parameter comes from, and the next commands."""
    print(found.text)
    width = max(len(match.ours) for match in found.matches)
    for match in found.matches:
        theirs = ", ".join(map(printable, match.theirs)) or "none"
        print(f"{match.ours:{width}}  {theirs} ({match.transformation})")
    removed = found.architecture.removed
    notes = list(found.notes)
    notes += [f"the last {removed} is taken off: answers are logits"] if removed else []
    if found.scale != 1:
        notes.append(f"its input was 0 to {found.scale:g}: mean and std are for 0 to 1")
    for note in notes:
        print(f"Note: {printable(note, 300)}.")
    print(f"\nWritten: {folder / FILE} and {WEIGHTS}. Next:")
    print(f"  python -m scripts.verify {folder}")
    print(f"  python -m api --models {folder.parent}")


def _names(text: str) -> list[str]:
    """Split the names of classes of a converted network at commas."""
    return [name.strip() for name in text.split(",")] if text else []


def _symbols(text: str) -> list[str]:
    """Split an alphabet of a converted network into symbols: at commas, else into characters."""
    return _names(text) if "," in text.strip(",") else list(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.convert", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "file", type=Path, help=".onnx, .keras, .safetensors, .npz, .msgpack or a folder of Orbax"
    )
    parser.add_argument("--name", required=True, help="name of the network and of its folder")
    parser.add_argument("--title", default="", help="name for people (default: --name)")
    parser.add_argument("--classes", type=_names, default=[], help="names of labels: cat,dog")
    parser.add_argument(
        "--alphabet", type=_symbols, default=[], help="symbols by index: abcde, or begin,end,pad"
    )
    parser.add_argument(
        "--declaration", type=Path, help="lightwell.toml for files that have tensors alone"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        help="safetensors or npz with inputs, and the logits or probabilities of the original",
    )
    parser.add_argument("--out", default=".", help="folder in which NAME is made (default: here)")
    parser.add_argument("--replace", action="store_true", help="replace a network of that name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
