"""Conversion of a file of another library to an imported network, by the file's format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.declaration.declaration import MAX_BYTES, Declaration, parse_declaration
from models.declaration.toml_file import DeclarationError, read_text
from models.derivation import derive
from models.importers.errors import ConversionError
from models.importers.guess import guess
from models.importers.imported import Imported, declaration_text
from models.importers.keras_reader import import_keras
from models.importers.matching import Reproduces, match_tensors
from models.importers.onnx_reader import import_onnx
from models.importers.tensor_files import READERS, read_tensors
from models.importers.unread_files import check_is_read

GRAPHS = {".onnx": import_onnx, ".keras": import_keras}
"""Formats of imported files that have the architecture too."""

Decide = Callable[[Declaration], Reproduces | None]
"""From the declaration of an imported network to the check against its original's answers."""


@dataclass(frozen=True)
class Names:
    """Names that an imported file does not have: title, classes and symbols."""

    title: str
    classes: Sequence[str] = ()
    alphabet: Sequence[str] = ()


def convert(
    path: Path, names: Names, declaration: Path | None = None, decide: Decide | None = None
) -> Imported:
    """Convert a file of another library to an imported network.

    Args:
        declaration: Declaration for files of tensors; without one it is guessed from shapes.
        decide: Decides between matches that are possible by shape.

    Raises:
        ConversionError: The file is of a format that is not read, is damaged, or has a layer that
            no declaration says; or its tensors do not fit the declaration.
    """
    check_is_read(path)
    if not path.exists():
        msg = f"{path}: no such file or folder"
        raise ConversionError(msg)
    suffix = path.suffix.lower()
    try:
        if suffix in GRAPHS:
            return _of_graph(path, names, declaration)
        if not path.is_dir() and suffix not in READERS:
            known = ", ".join([*GRAPHS, *READERS])
            msg = f"{path.name}: known are {known} and folders of Orbax"
            raise ConversionError(msg)
        if declaration is None:
            return _guessed(path, names)
        return _declared(path, declaration, decide)
    except DeclarationError as error:
        msg = f"the network cannot be declared: {error}"
        raise ConversionError(msg if declaration is None else str(error)) from error


def _of_graph(path: Path, names: Names, declaration: Path | None) -> Imported:
    """Convert a file that has its architecture."""
    if declaration is not None:
        msg = f"{path.suffix} files have their architecture: leave --declaration out"
        raise ConversionError(msg)
    found = GRAPHS[path.suffix.lower()](path, names.title, names.classes, names.alphabet)
    derive(found.declaration)
    return found


def _declared(path: Path, declaration: Path, decide: Decide | None) -> Imported:
    """Convert a file of tensors by a declaration."""
    text = read_text(declaration, MAX_BYTES)
    found = parse_declaration(text)
    reproduces = decide(found) if decide is not None else None
    matched = match_tensors(derive(found), read_tensors(path), reproduces)
    return Imported(text, matched.parameters, matched.matches, by=matched.by)


def _guessed(path: Path, names: Names) -> Imported:
    """Convert a file of tensors by a declaration that is guessed from their shapes."""
    tensors = read_tensors(path)
    text = declaration_text(guess(tensors), names.title, names.classes, names.alphabet)
    try:
        architecture = derive(parse_declaration(text))
        matched = match_tensors(architecture, tensors)
    except (ConversionError, DeclarationError) as error:
        msg = f"the guess from shapes does not fit ({error}): give the layers with --declaration"
        raise ConversionError(msg) from error
    note = "the declaration is a GUESS from shapes: correct its lines, then convert again"
    return Imported(text, matched.parameters, matched.matches, (note,), by=matched.by)
