"""Declaration of a network: `lightwell.toml`, its input, classes and layer lines."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, UInt8, UInt32

from models.declaration.layer_line import LayerLine, parse_line
from models.declaration.operations import LayerError
from models.declaration.toml_file import (
    MAX_TEXT,
    DeclarationError,
    check_format,
    check_keys,
    parse_toml,
    read_text,
    shown,
)
from models.printable import printable_line

FILE = "lightwell.toml"
"""Name of a declaration's file in the folder of a network."""

FORMAT = 1
"""Version of declarations that this server reads."""

MAX_BYTES = 65_536
"""Bytes of a declaration's file."""

MAX_LAYERS = 64
MAX_CLASSES = 1000
MAX_SYMBOLS = 256
MAX_FEATURES = 512
MAX_SIDE = 256

KEYS = (
    "format",
    "title",
    "task",
    "classes",
    "input",
    "layers",
    "answer",
    "reference",
    "counts_bits",
)
"""Keys of a declaration."""

BYTE_VALUES = 256
"""Number of bytes, and of characters in Latin-1."""

REFERENCE_LINE = re.compile(
    r"""^[ \t]*(?:reference|"reference"|'reference')[ \t]*=.*(?:\n|\Z)""", re.MULTILINE
)
"""Line of a declaration's text that names its reference."""


@dataclass(frozen=True)
class ImageSpec:
    """Declared input of a network of images: size, and preparation of a picture.

    Attributes:
        height: Rows, 1 to 256.
        width: Columns, 1 to 256.
        channels: 1 for grey or 3 for RGB.
        mean: Subtracted from the intensities 0 to 1 of each channel.
        std: Divides the difference, of each channel.
        prepare: Preparation of a posted picture: as MNIST's digits were (`mnist`), scaled and
            cropped to the network's size (`fit`), or none, which takes pictures of that size alone.
    """

    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    prepare: Literal["mnist", "fit", "none"] = "fit"

    def normalised(
        self, pixels: UInt8[np.ndarray, "*rows channels"]
    ) -> Float32[np.ndarray, "*rows channels"]:
        """Return the network values of pixels: (pixels / 255 - mean) / std, channel last."""
        intensities = pixels.astype(np.float32) / np.float32(255.0)
        return (intensities - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)


@dataclass(frozen=True)
class SequenceSpec:
    """Input of a network of sequences: symbols of an alphabet, or rows of numbers.

    Attributes:
        alphabet: Symbols in the order of their indices; empty for rows of numbers.
        encoding: Encoding of a symbol for the first layer: its index as a number, a vector with one
            1, or a learned vector (`embed`); None for rows of numbers.
        features: Numbers that the first layer reads at each step.
    """

    alphabet: tuple[str, ...]
    encoding: Literal["number", "one-hot", "embed"] | None
    features: int

    @cached_property
    def is_text(self) -> bool:
        """Whether a sequence can be a text: every symbol is a single character."""
        return bool(self.alphabet) and all(len(symbol) == 1 for symbol in self.alphabet)

    @cached_property
    def code_points(self) -> UInt32[np.ndarray, " symbols"]:
        """Code point of each symbol of an alphabet of single characters, as UTF-32-LE has it."""
        return np.array([ord(symbol) for symbol in self.alphabet], "<u4")

    @cached_property
    def bytes_table(self) -> bytes | None:
        """Table for `bytes.translate` from indices to symbols; None if one is not in Latin-1."""
        if max(map(ord, self.alphabet)) >= BYTE_VALUES:
            return None
        return "".join(self.alphabet).encode("latin-1").ljust(BYTE_VALUES, b"?")


@dataclass(frozen=True)
class Declaration:
    """Declaration of a network, as `lightwell.toml` has it.

    Attributes:
        title: Name for people.
        task: Question that the network answers.
        classes: Name of each label, in order.
        input: Kind and size of an input.
        layers: Layer lines in the order of computation.
        answer: Step of a sequence whose answer is meant: the last, or every one.
        reference: File in the same folder with inputs and the original's logits; None without one.
        counts_bits: Whether it answers if a sequence of bits has more 1s than 0s, so that the
            probes about counting apply.
    """

    title: str
    task: str
    classes: tuple[str, ...]
    input: ImageSpec | SequenceSpec
    layers: tuple[LayerLine, ...]
    answer: Literal["last", "every"] = "last"
    reference: str | None = None
    counts_bits: bool = False

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the declared input and layers, on which values depend besides the weights."""
        layers = [" ".join(one.text.split()) for one in self.layers]
        stated = json.dumps({"input": asdict(self.input), "layers": layers}, sort_keys=True)
        return hashlib.sha256(stated.encode()).hexdigest()


def read_declaration(folder: Path) -> Declaration:
    """Read the declaration in the folder of a network.

    Raises:
        DeclarationError: The file is missing, too large, or not a declaration.
    """
    return parse_declaration(read_text(folder / FILE, MAX_BYTES))


def parse_declaration(text: str) -> Declaration:
    """Parse a declaration from the text of `lightwell.toml`.

    Raises:
        DeclarationError: It is not TOML, a key is missing or unknown, or a value is wrong.
    """
    found = parse_toml(text, FILE)
    check_keys(found, KEYS)
    check_format(found, FORMAT)
    return Declaration(
        _text(found, "title", "Network"),
        _text(found, "task", ""),
        _classes(found),
        _input(found),
        _layers(found),
        _answer(found),
        _reference(found),
        _counts_bits(found),
    )


def without_reference(text: str) -> str:
    """Return the text of a declaration without the line of its reference.

    Raises:
        DeclarationError: It is not a declaration, or `reference` is not in a line of its own.
    """
    declared = parse_declaration(text)
    if declared.reference is None:
        return text
    found = REFERENCE_LINE.sub("", text)
    # Such a line may be a part of a text of several lines.
    if parse_declaration(found) != replace(declared, reference=None):
        msg = "reference must be in a line of its own, and in no other text"
        raise DeclarationError(msg)
    return found


def _text(found: Mapping[str, Any], key: str, default: str) -> str:
    value = found.get(key, default)
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        msg = f"{key} must be a text of one line and at most {MAX_TEXT} characters"
        raise DeclarationError(msg)
    return value


def _choice(found: Mapping[str, Any], key: str, values: tuple[Any, ...]) -> Any:
    value = found.get(key, values[0])
    if value not in values:
        msg = f"{key} must be one of {', '.join(values)}, not {shown(value)}"
        raise DeclarationError(msg)
    return value


def _texts(found: Mapping[str, Any], key: str, limit: int) -> tuple[str, ...]:
    value = found.get(key)
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if not is_list or not value or len(value) > limit:
        msg = f"{key} must be a list of 1 to {limit} texts in double quotes"
        raise DeclarationError(msg)
    return tuple(value)


def _classes(found: Mapping[str, Any]) -> tuple[str, ...]:
    classes = _texts(found, "classes", MAX_CLASSES)
    for name in classes:
        if not 1 <= len(name) <= 64 or not name.isprintable() or classes.count(name) > 1:  # noqa: PLR2004
            msg = f"class {shown(name)} must be of 1 to 64 characters, and named once"
            raise DeclarationError(msg)
    if len(classes) == 1:
        msg = "classes must be two or more: a single sigmoid unit has two, such as no and yes"
        raise DeclarationError(msg)
    return classes


def _layers(found: Mapping[str, Any]) -> tuple[LayerLine, ...]:
    lines = []
    for index, text in enumerate(_texts(found, "layers", MAX_LAYERS)):
        try:
            lines.append(parse_line(text))
        except LayerError as error:
            raise layer_error(index, text, str(error)) from error
    return tuple(lines)


def layer_error(index: int, text: str, reason: str) -> DeclarationError:
    """Return the error of one layer line of a declaration, with its place and its text."""
    return DeclarationError(f"layers[{index}] {shown(text)}: {printable_line(reason)}")


def _answer(found: Mapping[str, Any]) -> Literal["last", "every"]:
    """Read the step of a declaration whose answer is meant, which only sequences have."""
    answer = _choice(found, "answer", ("last", "every"))
    if answer == "every" and "image" in found["input"]:
        msg = 'answer "every" is for sequences: an image has one answer'
        raise DeclarationError(msg)
    return "every" if answer == "every" else "last"


def _reference(found: Mapping[str, Any]) -> str | None:
    value = found.get("reference")
    if value is None:
        return None
    # A folder of another origin must not have other files of the machine read.
    if not isinstance(value, str) or re.fullmatch(r"[\w-][\w.-]{0,63}", value) is None:
        msg = "reference must be the name of a file in the folder of the declaration"
        raise DeclarationError(msg)
    return value


def _counts_bits(found: Mapping[str, Any]) -> bool:
    """Read whether a declared network counts bits, which only sequences of 0 and 1 allow."""
    value = found.get("counts_bits", False)
    if type(value) is not bool:
        msg = f"counts_bits must be true or false, not {shown(value)}"
        raise DeclarationError(msg)
    given = found.get("input")
    alphabet = given.get("alphabet") if isinstance(given, dict) else None
    if value and (alphabet not in ("01", ["0", "1"]) or len(found.get("classes", ())) != 2):  # noqa: PLR2004
        msg = 'counts_bits needs the alphabet "01" and two classes, no and yes'
        raise DeclarationError(msg)
    return value


def _input(found: Mapping[str, Any]) -> ImageSpec | SequenceSpec:
    value = found.get("input")
    kinds: Mapping[str, Callable[[Mapping[str, Any]], ImageSpec | SequenceSpec]] = {
        "image": _image,
        "alphabet": _alphabet,
        "features": _features,
    }
    if isinstance(value, dict):
        for kind, parse in kinds.items():
            if kind in value:
                return parse(value)
    msg = (
        'input must be { image = [32, 32, 3] }, { alphabet = "abc", encoding = "one-hot" } or '
        "{ features = 3 }"
    )
    raise DeclarationError(msg)


def _known(value: Mapping[str, Any], *keys: str) -> None:
    for key in value:
        if key not in keys:
            others = f"come {', '.join(keys[1:])}" if len(keys) > 1 else "comes nothing"
            msg = f"input key {shown(key)} is not known here; with {keys[0]} {others}"
            raise DeclarationError(msg)


def _image(value: Mapping[str, Any]) -> ImageSpec:
    _known(value, "image", "mean", "std", "prepare")
    size = value["image"]
    if (
        not isinstance(size, list)
        or len(size) != 3  # noqa: PLR2004 - rows, columns and channels
        or not all(type(side) is int and 1 <= side <= MAX_SIDE for side in size)
        or size[2] not in {1, 3}
    ):
        msg = (
            f"input.image must be [rows, columns, channels] of at most {MAX_SIDE} x {MAX_SIDE} "
            "pixels and 1 or 3 channels, such as [32, 32, 3]"
        )
        raise DeclarationError(msg)
    height, width, channels = size
    mean, std = _channels(value, "mean", channels, 0.0), _channels(value, "std", channels, 1.0)
    prepare = _choice(value, "prepare", ("fit", "mnist", "none"))
    if prepare == "mnist" and (size != [28, 28, 1] or any(mean) or set(std) != {1.0}):
        msg = "input.prepare mnist is for images of [28, 28, 1] without mean and std: use fit"
        raise DeclarationError(msg)
    return ImageSpec(height, width, channels, mean, std, prepare)


def _channels(
    value: Mapping[str, Any], key: str, channels: int, default: float
) -> tuple[float, ...]:
    """Read the mean or the standard deviation of each channel of a declaration's images."""
    given = value.get(key, [default] * channels)
    given = given if isinstance(given, list) else [given] * channels
    least = -1e6 if key == "mean" else 1e-6
    is_valid = len(given) == channels and all(
        type(one) in {int, float} and least <= one <= 1e6  # noqa: PLR2004
        for one in given
    )
    if not is_valid:
        msg = f"input.{key} must be {channels} numbers from {least:g} to 1e+06, one a channel"
        raise DeclarationError(msg)
    return tuple(float(one) for one in given)


def _alphabet(value: Mapping[str, Any]) -> SequenceSpec:
    _known(value, "alphabet", "encoding")
    symbols = value["alphabet"]
    symbols = tuple(symbols) if isinstance(symbols, str | list) else ()
    is_valid = 2 <= len(symbols) <= MAX_SYMBOLS and all(  # noqa: PLR2004
        isinstance(one, str) and 1 <= len(one) <= 32 and one.isprintable()  # noqa: PLR2004
        for one in symbols
    )
    if not is_valid or len(set(symbols)) < len(symbols):
        msg = (
            f"input.alphabet must be 2 to {MAX_SYMBOLS} different symbols: a text of characters, "
            "or a list of texts of 1 to 32 characters"
        )
        raise DeclarationError(msg)
    encoding = _choice(value, "encoding", ("number", "one-hot", "embed"))
    return SequenceSpec(symbols, encoding, len(symbols) if encoding == "one-hot" else 1)


def _features(value: Mapping[str, Any]) -> SequenceSpec:
    _known(value, "features")
    count = value["features"]
    if type(count) is not int or not 1 <= count <= MAX_FEATURES:
        msg = f"input.features must be a whole number from 1 to {MAX_FEATURES}"
        raise DeclarationError(msg)
    return SequenceSpec((), None, count)
