"""What a probe is: a question that can be asked of a resident model, declared once.

Its routes, its JSON, PNG and binary answers, its OpenAPI text, its page in the docs and the tests
that every probe must pass follow from the declaration.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.runtime.checkpoints import Checkpoint
from models.runtime.programs import Outputs, Run
from probes.figures.colormaps import Sequential
from probes.figures.figures import Figure
from probes.shared.class_probabilities import softmax


class ParameterError(ValueError):
    """A parameter asks for what this model or this input does not have.

    Args:
        parameter: Its name.
        reason: What is wrong, naming the thing and the limit.
        place: Where in the body it is, for what is posted; empty for what is in the query.
    """

    def __init__(self, parameter: str, reason: str, *place: str | int) -> None:
        super().__init__(reason)
        self.parameter = parameter
        self.reason = reason
        self.place = place

    @property
    def location(self) -> tuple[str | int, ...]:
        """Where it is, outermost first."""
        return ("body", *self.place) if self.place else ("query", self.parameter)

    def of_input(self, index: int) -> "ParameterError":
        """Return the same, said of one of several inputs."""
        place = ("inputs", index, *self.place) if self.place else ()
        return ParameterError(self.parameter, f"inputs[{index}]: {self.reason}", *place)


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
class ModelContext:
    """What a probe may know of the model beside what a run gave.

    Attributes:
        weights: The parameters by module path.
        units: Of an LSTM, what its units do over held-out sequences (`probes.rnn.unit_statistics`).
        records: What training wrote beside the weights, by name (`models.records`).
        milestones: The parameters as they were during training, by name, the earliest first.
    """

    weights: Mapping[str, np.ndarray]
    units: Any = None
    records: Mapping[str, Checkpoint] = field(default_factory=dict)
    milestones: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class ProbeContext:
    """What a probe's figure is drawn from.

    Attributes:
        subject: The model.
        row: The input of the program, and what was posted beside it; empty for a probe of the
            weights alone.
        outputs: What the program gave, by name.
    """

    model_context: ModelContext
    row: Mapping[str, Any]
    outputs: Outputs

    @cached_property
    def logits(self) -> Float[np.ndarray, " classes"]:
        """What the network answers; of running logits, the last."""
        logits = self.outputs["logits"]
        return logits if logits.ndim == 1 else logits[-1]

    @cached_property
    def probabilities(self) -> Float[np.ndarray, " classes"]:
        """The softmax of these."""
        return softmax(self.logits)


def _no_check(model_context: ModelContext, row: Mapping[str, Any], parameters: Any) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, eq=False)
class Probe:
    """The declaration of a probe.

    Attributes:
        model: A key of `models.registry.MODELS`.
        name: Unique within the model; with it the path `/{model}/{name}`.
        figure: From what was seen, and the parameters, to a figure. The first line of its docstring
            is the probe's title everywhere, the rest its description.
        parameters: What may be asked.
        program: The program whose outputs it reads; None where it has a run, or no need of either.
        outputs: Which outputs it needs, given the parameters.
        run: Its own way through programs, with as many rows as it likes; what it returns is what
            was seen. Of an input it returns what the predict program gives, too.
        rows: How many rows that run makes, which counts against what the server admits.
        input: Whether it is asked about an input; else about the weights alone.
        body: What may be posted beside the input, as fields of a pydantic model. A field `source`
            is a second input, in whichever form the first may come.
        checkpoints: Whether it can also be asked about the network as it was during training.
        check: Raises `ParameterError` for parameters that this model or input cannot answer;
            called before the program runs.
        example: Parameters for the docs and the tests.
        posted: What is posted beside the input, likewise.
    """

    model: str
    name: str
    figure: Callable[[ProbeContext, Any], Figure]
    parameters: type[Parameters] = Parameters
    program: Literal["predict", "trace"] | None = None
    outputs: Callable[[Any], Iterable[str]] = lambda _: ()
    run: Callable[[ModelContext, Mapping[str, Any], Any], Run] | None = None
    rows: Callable[[Mapping[str, Any], Any], int] = lambda _, __: 1
    input: bool = True
    body: type[BaseModel] | None = None
    checkpoints: bool = False
    check: Callable[[ModelContext, Mapping[str, Any], Any], None] = _no_check
    example: Mapping[str, str] = field(default_factory=dict)
    posted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the probe shows, in one line."""
        return (self.figure.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The rest of what is to be said about it."""
        rest = (self.figure.__doc__ or "").strip().partition("\n")[2]
        return "\n".join(line.strip() for line in rest.strip().splitlines())
