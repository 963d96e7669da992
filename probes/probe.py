"""What a probe is: a question that can be asked of a resident model, declared once.

Its routes, its JSON, PNG and binary answers, its OpenAPI text, its page in the docs and the tests
that every probe must pass follow from the declaration.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.programs import Outputs, Row
from probes.colormaps import Sequential
from probes.figures import Figure


class ParameterError(ValueError):
    """A parameter asks for what this model or this input does not have.

    Args:
        parameter: Its name.
        reason: What is wrong, naming the thing and the limit.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(reason)
        self.parameter = parameter
        self.reason = reason


def split_commas(value: Any) -> Any:
    """Read a list of the query: comma-separated, repeated, or both."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return [part.strip() for text in value for part in text.split(",")]
    return value


Indices = Annotated[
    list[Annotated[int, Field(ge=0, le=4096)]],
    BeforeValidator(split_commas),
    Field(min_length=1, max_length=4097),
]
"""Positions along an axis, counted from 0."""


class Parameters(BaseModel):
    """What a probe may be told. Names that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Coloured(Parameters):
    """Parameters of a probe whose picture has colours."""

    cmap: Sequential = Field(
        "viridis",
        description="Colour map of values that cannot be negative. `cividis` reads the same with "
        "and without red-green colour blindness. Signed values are always red-white-blue.",
    )


class Ranged(Coloured):
    """Parameters of a probe whose colour range can be chosen."""

    range: Literal["channel", "layer", "fixed"] = Field(
        "layer",
        description="What shares a colour range: each `channel` by itself, the whole `layer`, or "
        "`fixed`: the same for every answer, so that pictures can be compared.",
    )


@dataclass(frozen=True)
class Subject:
    """What a probe may know of the model beside what a run gave.

    Attributes:
        weights: The parameters by module path.
        units: Of an LSTM, what its units do over held-out sequences (`probes.units`).
    """

    weights: Mapping[str, np.ndarray]
    units: Any = None


@dataclass(frozen=True)
class Seen:
    """What a probe's figure is drawn from.

    Attributes:
        subject: The model.
        row: The input of the program; empty for a probe of the weights alone.
        outputs: What the program gave, by name.
    """

    subject: Subject
    row: Row
    outputs: Outputs


def _no_check(subject: Subject, row: Row, parameters: Any) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, eq=False)
class Probe:
    """The declaration of a probe.

    Attributes:
        model: A key of `models.zoo.MODELS`.
        name: Unique within the model; with it the path `/{model}/{name}`.
        figure: From what was seen, and the parameters, to a figure. The first line of its docstring
            is the probe's title everywhere, the rest its description.
        parameters: What may be asked.
        program: The program whose outputs it reads; None for a probe of the weights alone.
        outputs: Which outputs it needs, given the parameters.
        check: Raises `ParameterError` for parameters that this model or input cannot answer;
            called before the program runs.
        example: Parameters for the docs and the tests.
    """

    model: str
    name: str
    figure: Callable[[Seen, Any], Figure]
    parameters: type[Parameters] = Parameters
    program: Literal["predict", "trace"] | None = None
    outputs: Callable[[Any], Iterable[str]] = lambda _: ()
    check: Callable[[Subject, Row, Any], None] = _no_check
    example: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the probe shows, in one line."""
        return (self.figure.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The rest of what is to be said about it."""
        rest = (self.figure.__doc__ or "").strip().partition("\n")[2]
        return "\n".join(line.strip() for line in rest.strip().splitlines())
