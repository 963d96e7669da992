"""Imported network: its declaration, parameters, and matches with the file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.architecture import Architecture
from models.declaration.declaration import FILE, Declaration, parse_declaration
from models.derivation import derive
from models.importers.errors import ConversionError
from models.importers.matching import Match
from models.runtime import checkpoints
from models.runtime.durable_files import write_atomically

WEIGHTS = "weights.safetensors"
"""Name of the file with the parameters in the folder of an imported network."""

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Symbols of an alphabet that the imported file does not name."""


@dataclass(frozen=True)
class Imported:
    """Network of an imported file.

    Attributes:
        text: Declaration, as `lightwell.toml` has it.
        parameters: Arrays in float32 by our names.
        matches: Tensors of the file behind each parameter.
        notes: Sentences for the person who converts.
        scale: Factor from our intensities 0 to 1 to values of the original's input: 1 or 255.
        scales_input: Whether the original scales its images itself, as mean and std tell here.
        by: Rule that matched each layer, by its name; empty where the file has the graph.
    """

    text: str
    parameters: Mapping[str, np.ndarray]
    matches: tuple[Match, ...]
    notes: tuple[str, ...] = ()
    scale: float = 1.0
    scales_input: bool = False
    by: Mapping[str, str] = field(default_factory=dict)

    @property
    def declaration(self) -> Declaration:
        """Declaration of the imported network."""
        return parse_declaration(self.text)

    @property
    def architecture(self) -> Architecture:
        """Architecture of the imported network."""
        return derive(self.declaration)

    def save(self, folder: Path, metadata: Mapping[str, object]) -> None:
        """Write the folder of an imported network: declaration and weights.

        Raises:
            ConversionError: A parameter is missing or of another shape than the declaration says.
            OSError: The folder cannot be written.
        """
        wanted = dict(self.architecture.parameters)
        shapes = {name: values.shape for name, values in self.parameters.items()}
        if shapes != wanted:
            wrong = sorted(name for name in wanted | shapes if shapes.get(name) != wanted.get(name))
            msg = f"{wrong[0]} is {shapes.get(wrong[0])}, and must be {wanted.get(wrong[0])}"
            raise ConversionError(msg)
        matched = [
            {**match._asdict(), "by": self.by.get(match.ours.split(".")[0], "graph")}
            for match in self.matches
        ]
        checkpoints.save(folder / WEIGHTS, self.parameters, {**metadata, "matched": matched})
        write_atomically(folder / FILE, self.text.encode())


@dataclass(frozen=True)
class InputDraft:
    """Input of an imported network, before its names are known.

    Attributes:
        image: Rows, columns and channels; None for sequences.
        symbols: Number of symbols of an alphabet; 0 for rows of numbers.
        encoding: Encoding of symbols.
        features: Numbers at each step.
    """

    image: tuple[int, int, int] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    symbols: int = 0
    encoding: str = "embed"
    features: int = 0


@dataclass(frozen=True)
class Draft:
    """Draft of an imported network's declaration, before names of classes are known."""

    input: InputDraft
    lines: tuple[str, ...]
    classes: int
    answer: str = "last"
    comment: str = "Converted by scripts.convert."
    notes: tuple[str, ...] = field(default=())


def declaration_text(
    draft: Draft, title: str, classes: Sequence[str] = (), alphabet: Sequence[str] = ()
) -> str:
    """Write the declaration of an imported network.

    Args:
        classes: Name of each label; numbers without them, no and yes for one sigmoid unit.
        alphabet: Symbols in the order of their indices; letters without them.

    Raises:
        ConversionError: The number of names is not that of the network.
    """
    count = 2 if draft.classes == 1 else draft.classes
    names = list(classes) or (["no", "yes"] if draft.classes == 1 else [*map(str, range(count))])
    if len(names) != count:
        msg = f"{len(names)} classes are named, and the network has {count}"
        raise ConversionError(msg)
    lines = ",\n".join(f"  {_quoted(line)}" for line in draft.lines)
    text = [
        *(f"# {line}" for line in draft.comment.splitlines()),
        "format = 1",
        f"title = {_quoted(title)}",
        f"classes = [{', '.join(map(_quoted, names))}]",
        f"input = {{ {_input_text(draft.input, alphabet)} }}",
        *([f'answer = "{draft.answer}"'] if draft.answer != "last" else []),
        f"layers = [\n{lines},\n]",
    ]
    return "\n".join(text) + "\n"


def _input_text(given: InputDraft, alphabet: Sequence[str]) -> str:
    """Write the input of an imported network's declaration."""
    if given.image is not None:
        parts = [f"image = {list(given.image)}"]
        parts += [f"mean = [{_numbers(given.mean)}]"] if any(given.mean) else []
        parts += [f"std = [{_numbers(given.std)}]"] if set(given.std) - {1.0} else []
        return ", ".join(parts)
    if alphabet and not given.symbols and given.features in {1, len(alphabet)}:
        encoding = "number" if given.features == 1 else "one-hot"
        return _alphabet_text(alphabet, encoding)
    if not given.symbols:
        return f"features = {given.features}"
    symbols = list(alphabet) or symbols_of(given.symbols)
    if len(symbols) != given.symbols:
        msg = f"{len(symbols)} symbols are named, and the network has {given.symbols}"
        raise ConversionError(msg)
    return _alphabet_text(symbols, given.encoding)


def _alphabet_text(symbols: Sequence[str], encoding: str) -> str:
    if all(len(symbol) == 1 for symbol in symbols):
        return f'alphabet = {_quoted("".join(symbols))}, encoding = "{encoding}"'
    return f'alphabet = [{", ".join(map(_quoted, symbols))}], encoding = "{encoding}"'


def symbols_of(count: int) -> list[str]:
    """Return symbols for an alphabet that an imported file does not name."""
    return list(LETTERS[:count]) if count <= len(LETTERS) else [f"s{i}" for i in range(count)]


def _quoted(text: str) -> str:
    """Write a text as a TOML string."""
    return json.dumps(text, ensure_ascii=False)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(repr(float(value)) for value in values)


def input_scale(
    image: tuple[int, int, int], scale: np.ndarray, shift: np.ndarray
) -> tuple[InputDraft, float]:
    """Return the input of an imported network that scales its images first.

    Values from 0 to 255 are those that a standard deviation above 4 is meant for.

    Returns:
        The input with mean and standard deviation in intensities 0 to 1, and the factor from these
        to values of the original's input.
    """
    factor = 255.0 if float(np.max(1 / scale)) > 4 else 1.0  # noqa: PLR2004
    std = np.broadcast_to(1 / (scale * factor), image[-1:])
    mean = np.broadcast_to(-shift / (scale * factor), image[-1:])
    rounded = [tuple(float(f"{one:.9g}") for one in values) for values in (mean, std)]
    means = tuple(0.0 if abs(one) < 1e-9 else one for one in rounded[0])  # noqa: PLR2004
    return InputDraft(image, means, rounded[1]), factor
