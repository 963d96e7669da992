"""Tour of a network: `tour.toml`, steps through the page that each ask for one action.

A tour is about a network on the page of the server. Its sentences may be about values that only
these weights give, so it can name the weights.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.architecture import Architecture
from models.declaration.page_state import (
    COMPUTED_LANES,
    IMAGE_PARTS,
    IMAGE_STATE,
    NAMED_PARTS,
    SEQUENCE_PARTS,
    SEQUENCE_STATE,
    Value,
)
from models.declaration.toml_file import (
    DeclarationError,
    check_format,
    check_keys,
    parse_toml,
    read_text,
    shown,
)

TOUR_FILE = "tour.toml"
"""Name of a tour's file in the folder of a network."""

TOUR_FORMAT = 1
"""Version of tours that this server reads."""

MAX_TOUR_BYTES = 65_536
"""Bytes of a tour's file."""

MAX_TOUR_STEPS = 40
MAX_SENTENCE = 300
"""Characters of a sentence of a tour."""

MAX_VALUE = 4_096
"""Characters of a text in the state of a tour's step."""

LANE_KINDS = ("gate", "candidate", "cell", "hidden")
"""Kinds of the values that a tour's lanes show."""

LEAST_DIGEST, MAX_DIGEST = 8, 64
"""Hexadecimal digits of a digest of weights, or of its start."""

TOUR_KEYS = ("format", "weights", "steps")
STEP_KEYS = ("state", "outline", "text", "ask", "done", "change")


@dataclass(frozen=True)
class TourStep:
    """Step of a tour: state of the page, outlined part, sentence, and the action that ends it.

    Attributes:
        state: Values of the page's address; all others have their defaults.
        outline: Part of the page: its name, of a layer or a lane with that of a value of the trace.
        text: Sentence about that part.
        ask: Sentence that asks for the action.
        done: Values of the state that the action reaches; empty where any change is meant.
        change: Value that the action changes; empty where `done` has values.
    """

    state: Mapping[str, Value]
    outline: str
    text: str
    ask: str
    done: Mapping[str, Value]
    change: str


@dataclass(frozen=True)
class Tour:
    """Tour of a network through the page, step by step."""

    steps: tuple[TourStep, ...]


def read_tour(folder: Path, architecture: Architecture, weights: str) -> Tour | None:
    """Read the tour in the folder of a network; None without one.

    Args:
        folder: Folder of the network.
        architecture: Architecture of the network.
        weights: Digest of the served weights.

    Raises:
        DeclarationError: It is too large, not a tour of this network, or one of other weights.
    """
    path = folder / TOUR_FILE
    if not path.is_symlink() and not path.exists():
        return None
    return parse_tour(read_text(path, MAX_TOUR_BYTES), architecture, weights)


def parse_tour(text: str, architecture: Architecture, weights: str) -> Tour:
    """Parse a tour from the text of `tour.toml`.

    Raises:
        DeclarationError: It is not TOML, a key is missing or unknown, a value is wrong, or it is
            about other weights.
    """
    found = parse_toml(text, TOUR_FILE)
    check_keys(found, TOUR_KEYS, f"{TOUR_FILE}: ")
    check_format(found, TOUR_FORMAT, f"{TOUR_FILE}: ")
    _check_weights(found, weights)
    steps = found.get("steps")
    if not isinstance(steps, list) or not 1 <= len(steps) <= MAX_TOUR_STEPS:
        msg = f"{TOUR_FILE}: steps must be 1 to {MAX_TOUR_STEPS} tables, each [[steps]]"
        raise DeclarationError(msg)
    parse = _StepParser(architecture)
    return Tour(tuple(parse(number, one) for number, one in enumerate(steps, 1)))


def _check_weights(found: Mapping[str, Any], weights: str) -> None:
    """Check that a tour is about the served weights, where it names some."""
    named = found.get("weights", weights)
    is_digest = isinstance(named, str) and LEAST_DIGEST <= len(named) <= MAX_DIGEST
    if not is_digest or not set(named) <= set("0123456789abcdef"):
        msg = (
            f"{TOUR_FILE}: weights must be the digest of the weights, as /models has it, or its "
            f"first {LEAST_DIGEST} digits or more"
        )
        raise DeclarationError(msg)
    if not weights.startswith(named):
        msg = f"{TOUR_FILE} is about other weights ({named[:13]})"
        raise DeclarationError(msg)


class _StepParser:
    """Parser of the steps of one network's tour; errors name the step as the address does."""

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture
        is_image = architecture.family == "image"
        self._defaults = IMAGE_STATE if is_image else SEQUENCE_STATE
        self._parts = IMAGE_PARTS if is_image else SEQUENCE_PARTS

    def __call__(self, number: int, found: object) -> TourStep:
        place = f"{TOUR_FILE}: step {number}"
        if not isinstance(found, dict):
            msg = f"{place} must be a table: write [[steps]]"
            raise DeclarationError(msg)
        check_keys(found, STEP_KEYS, f"{place}: ")
        state = self._state(found.get("state", {}), f"{place}: state")
        step = TourStep(
            state,
            self._outline(found.get("outline"), place),
            _sentence(found, "text", place),
            _sentence(found, "ask", place),
            self._state(found.get("done", {}), f"{place}: done"),
            self._change(found.get("change", ""), place),
        )
        self._check_end(step, place)
        return step

    def _state(self, found: object, place: str) -> dict[str, Value]:
        """Read values of the page's state."""
        if not isinstance(found, dict):
            msg = f"{place} must be a table of values of the page's address: {{ step = 3 }}"
            raise DeclarationError(msg)
        check_keys(found, tuple(self._defaults), f"{place}: ")
        for key, value in found.items():
            self._check_value(key, value, place)
        self._check_channel(found, place)
        return found

    def _check_value(self, key: str, value: object, place: str) -> None:
        default = self._defaults[key]
        words = {bool: "true or false", int: "a whole number", str: "a text"}
        is_text = isinstance(value, str) and len(value) <= MAX_VALUE and value.isprintable()
        if type(value) is not type(default) or not (is_text or isinstance(value, int)):
            more = f" of one line and at most {MAX_VALUE:,} characters"
            kind = words[type(default)] + (more if isinstance(default, str) else "")
            msg = f"{place}: {key} must be {kind}, not {shown(value)}"
            raise DeclarationError(msg)
        if isinstance(value, int) and not -1 <= value <= MAX_VALUE:
            msg = f"{place}: {key} must be from -1 to {MAX_VALUE:,}, not {shown(value)}"
            raise DeclarationError(msg)
        if key == "layer":
            self._check_layer(value, place)

    def _check_layer(self, name: object, place: str) -> None:
        layers = self._architecture.layers
        if name not in layers:
            msg = f"{place}: layer {shown(name)} is not one of {', '.join(layers)}"
            raise DeclarationError(msg)

    def _check_channel(self, found: Mapping[str, Any], place: str) -> None:
        """Check that a layer of the state has its channel, and a position on its maps."""
        if "layer" not in found:
            return
        name = found["layer"]
        *sides, channels = self._architecture.layers[name].shape
        limits = {"channel": channels, **dict(zip(("y", "x"), sides, strict=False))}
        for key, limit in limits.items():
            if found.get(key, 0) >= limit:
                msg = f"{place}: {key} {found[key]} is not below {limit}, which {name} has"
                raise DeclarationError(msg)

    def _outline(self, found: object, place: str) -> str:
        """Read the part of the page that a step outlines."""
        part, _, name = found.partition(" ") if isinstance(found, str) else ("", "", "")
        names = tuple(self._names(part))
        if part not in self._parts or (part in NAMED_PARTS and name not in names):
            known = ", ".join(one for one in self._parts if one not in NAMED_PARTS)
            named = f"{names[0]} …" if names else "NAME"
            msg = f"{place}: outline {shown(found)} is not one of {known}, "
            which = next(one for one in self._parts if one in NAMED_PARTS)
            msg += f"{which} {named}" if part != which else f"{which} with {', '.join(names)}"
            raise DeclarationError(msg)
        if part not in NAMED_PARTS and name:
            msg = f"{place}: outline {shown(part)} takes no name"
            raise DeclarationError(msg)
        return str(found)

    def _names(self, part: str) -> Iterator[str]:
        """Return the names that a part of the page may be followed by."""
        if part == "layer":
            yield from ("input", *self._architecture.layers)
        elif part == "lane":
            counts = self._architecture.declaration.counts_bits
            yield from COMPUTED_LANES if counts else COMPUTED_LANES[1:]
            layers = self._architecture.layers
            yield from (name for name in layers if layers[name].kind in LANE_KINDS)

    def _change(self, found: object, place: str) -> str:
        if found != "" and found not in self._defaults:
            msg = f"{place}: change {shown(found)} is not one of {', '.join(self._defaults)}"
            raise DeclarationError(msg)
        return str(found)

    def _check_end(self, step: TourStep, place: str) -> None:
        """Check that a step has one action, which its own state has not reached."""
        if bool(step.done) == bool(step.change):
            msg = f"{place} needs either done, values that the action reaches, or change, a value"
            raise DeclarationError(msg)
        state = {**self._defaults, **step.state}
        if step.done and all(state[key] == value for key, value in step.done.items()):
            msg = f"{place}: done is reached before the action: the state has these values"
            raise DeclarationError(msg)
        self._check_channel({**step.state, **step.done}, f"{place}: done")


def _sentence(found: Mapping[str, Any], key: str, place: str) -> str:
    value = found.get(key)
    is_text = isinstance(value, str) and 1 <= len(value) <= MAX_SENTENCE and value.isprintable()
    if not is_text:
        msg = f"{place}: {key} must be a text of one line and 1 to {MAX_SENTENCE} characters"
        raise DeclarationError(msg)
    return str(value)
