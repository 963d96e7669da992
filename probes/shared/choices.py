"""Choices of probe parameters that depend on the network: its layers, its classes, its image.

A parameter's annotation holds one of these marks. Query models are those of a family of networks,
and know no network: its limits are checked, and its defaults filled in, once it is known.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeVar, get_args, runtime_checkable

from pydantic import BaseModel

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.declaration.operations import Conv

Fault = dict[str, Any]
"""Fault of a chosen value, with the keys of pydantic's errors: type, loc, msg, input, ctx."""

Schema = dict[str, Any]
"""JSON schema of a parameter whose choices are described."""

Parameters = TypeVar("Parameters", bound=BaseModel)

SHOWN_KINDS = frozenset({"post_activation", "pooled"})
"""Kinds of the layers that are chosen where a request names none."""


def shown(architecture: Architecture) -> tuple[str, ...]:
    """Return the layers that activations show by default; all where no layer has such a kind."""
    layers = architecture.layers
    found = tuple(name for name, layer in layers.items() if layer.kind in SHOWN_KINDS)
    return found or tuple(layers)


def convolutions_3x3(architecture: Architecture) -> tuple[str, ...]:
    """Return the convolutions with kernels of 3x3 weights, a choice of filters to describe."""
    nodes = architecture.nodes
    return tuple(
        node.name
        for node in nodes
        if isinstance(node.operation, Conv) and node.operation.kernel == (3, 3)
    )


def default_convolutions(architecture: Architecture) -> tuple[str, ...]:
    """Return the convolutions, whose filters are shown by default; without any all kernels."""
    return layout_of(architecture).convolutions or architecture.kernels


@runtime_checkable
class Choice(Protocol):
    """Mark of a parameter whose values or default depend on the network."""

    def default(self, architecture: Architecture) -> Any:
        """Return the value of a parameter that a request leaves out; None keeps the declared."""

    def faults(self, value: Any, architecture: Architecture) -> Iterator[Fault]:
        """Yield the faults of a value, each with its location within the value."""

    def describe(self, schema: Schema, architecture: Architecture) -> None:
        """Add the limits and the default of a network to the JSON schema of a parameter."""


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """Choice of a probe's parameter among names that depend on the network, such as layers.

    It marks the annotation of a text or of a list: `Annotated[str, LayerChoice(…)]`.

    Attributes:
        names_of: Returns the names that a network has.
        default_of: Returns what a request that leaves the parameter out gets: a name, or several
            for a list. None where it is required, or has a default of its own.
        is_limited: Whether a list has at most as many names as the network has values.
    """

    names_of: Callable[[Architecture], Iterable[str]]
    default_of: Callable[[Architecture], Any] | None = None
    is_limited: bool = False

    def names(self, architecture: Architecture) -> tuple[str, ...]:
        """Return the names that a parameter takes for a network."""
        return tuple(self.names_of(architecture))

    def default(self, architecture: Architecture) -> Any:
        """Return the names that a request without this choice gets; None keeps the declared."""
        found = None if self.default_of is None else self.default_of(architecture)
        return list(found) if isinstance(found, tuple) else found

    def faults(self, value: Any, architecture: Architecture) -> Iterator[Fault]:
        """Yield a fault for each chosen name that is not one of the network's."""
        is_text = isinstance(value, str)
        chosen, names = [value] if is_text else value or (), self.names(architecture)
        if not names:
            # A default of nothing is no choice; a name is one that cannot be met.
            text = "the network has none to choose from"
            yield from [{"type": "none", "loc": (), "msg": text, "ctx": {}}] if any(chosen) else ()
            return
        unknown = [(index, name) for index, name in enumerate(chosen) if name not in names]
        for index, name in unknown:
            expected = _expected(names)
            yield {
                "type": "literal_error",
                "loc": () if is_text else (index,),
                "msg": f"Input should be {expected}",
                "input": name,
                "ctx": {"expected": expected},
            }
        most = len(architecture.layers)
        if self.is_limited and not unknown and len(chosen) > most:
            text = f"Value should have at most {most} items after validation, not {len(chosen)}"
            yield {"type": "too_long", "loc": (), "msg": text, "input": value, "ctx": {}}

    def describe(self, schema: Schema, architecture: Architecture) -> None:
        """Add the names of a network, and its default, to a parameter's JSON schema."""
        # A list of no values is no JSON schema: a network without any has no names to list.
        for one in _alternatives(schema) if (names := list(self.names(architecture))) else ():
            _set(one.get("items", one), "enum", names)
        if self.is_limited:
            # Pydantic writes the limits of an optional list as those of a text.
            key = "maxLength" if "anyOf" in schema else "maxItems"
            _set(schema, key, len(architecture.layers))
        if (default := self.default(architecture)) is not None:
            _set(schema, "default", default)


@dataclass(frozen=True)
class ClassChoice:
    """Choice of one of a network's classes, by its number."""

    def default(self, _: Architecture) -> None:
        """Return None: a request without a class has the declared default."""

    def faults(self, value: Any, architecture: Architecture) -> Iterator[Fault]:
        """Yield a fault where a chosen class is not one of the network's."""
        count = len(architecture.classes)
        if value is not None and value >= count:
            text, ctx = f"Input should be less than {count}", {"lt": count}
            yield {"type": "less_than", "loc": (), "msg": text, "input": value, "ctx": ctx}

    def describe(self, schema: Schema, architecture: Architecture) -> None:
        """Add the number of a network's classes to a parameter's JSON schema."""
        for one in _alternatives(schema):
            _set(one, "exclusiveMaximum", len(architecture.classes))


@dataclass(frozen=True)
class SideChoice:
    """Choice of a length in pixels, at most the longer side of the network's image.

    Attributes:
        share: Default in pixels for a side of `of` pixels; proportional to it for others.
        of: Side of the image for which `share` is the default.
    """

    share: int
    of: int

    def default(self, architecture: Architecture) -> int:
        """Return the default length in pixels, a part of the image's longer side."""
        return max(1, self.share * _side(architecture) // self.of)

    def faults(self, value: Any, architecture: Architecture) -> Iterator[Fault]:
        """Yield a fault where a chosen length exceeds the image."""
        side = _side(architecture)
        if value > side:
            ctx = {"le": side}
            yield {"type": "less_than_equal", "loc": (), "msg": "", "input": value, "ctx": ctx}

    def describe(self, schema: Schema, architecture: Architecture) -> None:
        """Add the side of a network's image, and the default, to a parameter's JSON schema."""
        _set(schema, "maximum", _side(architecture))
        _set(schema, "default", self.default(architecture))


@dataclass(frozen=True)
class RecordedValue:
    """Mark of a parameter one of whose values needs a record of the weights.

    Attributes:
        value: Value that weights without the record do not offer.
        record: Kind of the record, such as `units`.
    """

    value: str
    record: str


def _side(architecture: Architecture) -> int:
    return max(architecture.image.height, architecture.image.width)


@cache
def choices_of(declared: type[BaseModel]) -> Mapping[str, Choice]:
    """Return the fields of a model whose choices depend on the network, by name."""
    return {
        name: mark
        for name, field in declared.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Choice)
    }


def resolved(parameters: Parameters, architecture: Architecture) -> Parameters:
    """Return parameters with the network's defaults for the choices that a request leaves out."""
    given = parameters.model_fields_set
    found = {
        name: choice.default(architecture)
        for name, choice in choices_of(type(parameters)).items()
        if name not in given
    }
    filled = {name: value for name, value in found.items() if value is not None}
    return parameters.model_copy(update=filled) if filled else parameters


def faults(
    given: BaseModel, architecture: Architecture, *place: str | int
) -> Iterator[Mapping[str, Any]]:
    """Yield the faults of chosen values in parameters, or in a body and the objects in it.

    Args:
        place: Location of the parameters or of the body, outermost first.
    """
    for name, choice in choices_of(type(given)).items():
        for fault in choice.faults(getattr(given, name), architecture):
            yield {**fault, "loc": (*place, name, *fault["loc"])}
    for name in type(given).model_fields:
        value = getattr(given, name)
        for index, one in enumerate(value if isinstance(value, tuple) else ()):
            if isinstance(one, BaseModel):
                yield from faults(one, architecture, *place, name, index)


def nested(declared: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield the models of the objects in a body whose choices depend on the network."""
    for field in declared.model_fields.values():
        for one in get_args(field.annotation):
            if isinstance(one, type) and issubclass(one, BaseModel) and choices_of(one):
                yield one


def describe(declared: type[BaseModel], schema: Schema, architecture: Architecture) -> None:
    """Add the choices of a network to the JSON schema of a model's properties."""
    for name, choice in choices_of(declared).items():
        choice.describe(schema["properties"][name], architecture)


def without_records(declared: type[BaseModel], schema: Schema, records: Container[str]) -> None:
    """Remove values from the JSON schema of a model's properties that need other records.

    Args:
        records: Kinds of the records that the weights have.
    """
    for name, field in declared.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, RecordedValue) and mark.record not in records:
                schema["properties"][name]["enum"].remove(mark.value)


def _expected(names: tuple[str, ...]) -> str:
    """Return the names of a choice as pydantic lists the values of a literal."""
    *others, last = (f"'{name}'" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(schema: Schema) -> list[Schema]:
    """Return the JSON schemas of a parameter's values other than null."""
    return [one for one in schema.get("anyOf", [schema]) if one != {"type": "null"}]


def _set(schema: Schema, key: str, value: Any) -> None:
    """Set a key of a JSON schema, whose keys remain in alphabetical order."""
    found = dict(sorted({**schema, key: value}.items()))
    schema.clear()
    schema.update(found)
