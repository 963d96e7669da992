"""Probe declaration: parameters, input, model context, program and figure of a probe.

A probe is declared once; routes, JSON, PNG and binary answers, OpenAPI text, documentation and
contract tests follow from the declaration.

    ProbeCall       model, input, parameters      given to check, rows and run
    └── ProbeContext    the call with outputs     given to figure
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.architecture import Architecture
from models.cnn.calibration import Calibration
from models.rnn.unit_statistics import UnitStatistics
from models.runtime.checkpoints import Checkpoint
from models.runtime.programs import Family, Outputs, Row, Run
from probes.figures.colormaps import Sequential
from probes.figures.figures import Figure
from probes.shared.choices import LayerChoice as LayerChoice  # noqa: PLC0414 - of declarations
from probes.shared.class_probabilities import softmax

Tensors = Mapping[str, np.ndarray]
"""Arrays by name in a probe's model context, such as parameters by module path."""


@runtime_checkable  # shapes and types are checked at run time in tests
class DescribedModel(Protocol):
    """Properties of a loaded model on which it depends whether a probe applies to it."""

    @property
    def architecture(self) -> Architecture:
        """Layers, classes and input of the model."""

    @property
    def artifacts(self) -> Mapping[str, Checkpoint]:
        """Artifacts that training wrote, by kind."""


@dataclass(frozen=True)
class Need:
    """Property of a model that a probe needs.

    Attributes:
        reason: Sentence for a model without it, such as "It has no recurrent layer.".
        is_met: Whether a model has it.
    """

    reason: str
    is_met: Callable[[DescribedModel], bool]


class ParameterError(ValueError):
    """Error of a probe's parameter or extra field that the model or the input does not allow.

    Args:
        parameter: Name of the query parameter.
        reason: Sentence that names the value and the limit.
        place: Location in the body, for an extra field; empty for a query parameter.
    """

    def __init__(self, parameter: str, reason: str, *place: str | int) -> None:
        super().__init__(reason)
        self.parameter = parameter
        self.reason = reason
        self.place = place

    @property
    def location(self) -> tuple[str | int, ...]:
        """Location of a probe's parameter error as in a problem's `errors`, outermost first."""
        return ("body", *self.place) if self.place else ("query", self.parameter)

    def of_input(self, index: int) -> "ParameterError":
        """Return a probe's parameter error for one of several inputs, with its index."""
        # Query parameters are common to all inputs, so the location keeps the parameter alone.
        place = ("inputs", index, *self.place) if self.place else ()
        return ParameterError(self.parameter, f"inputs[{index}]: {self.reason}", *place)


def split_commas(value: Any) -> Any:
    """Split a probe's list parameter: values that are comma-separated, repeated, or both."""
    if isinstance(value, str):
        value = [value]
    # Other values are left as they are, so that pydantic reports them.
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return [part.strip() for text in value for part in text.split(",")]
    return value


Indices = Annotated[
    # The longest axis is that of 4,096 steps, `MAX_STEPS`, and the initial state as step 0.
    list[Annotated[int, Field(ge=0, le=4096)]],
    BeforeValidator(split_commas),
    Field(min_length=1, max_length=4097),
]
"""Type of a probe's list parameter: positions along an axis, counted from 0."""


class Parameters(BaseModel):
    """Base of the query parameters that a probe declares. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExtraFields(BaseModel):
    """Base of the extra body fields that a probe declares. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Parameters_co = TypeVar("Parameters_co", bound=Parameters, covariant=True)
Extra = TypeVar("Extra", bound=BaseModel)


class Coloured(Parameters):
    """Query parameters of a probe whose picture has a sequential colour map."""

    cmap: Sequential = Field(
        "viridis",
        description="Colour map of non-negative values; `cividis` looks alike with and without "
        "red-green colour blindness. Signed values are always red-white-blue.",
    )


class Ranged(Coloured):
    """Query parameters of a probe whose colour range can be chosen."""

    range: Literal["channel", "layer", "fixed"] = Field(
        "layer",
        description="Scope of the colour range: a range for each `channel`, one for the `layer`, "
        "or a `fixed` range for all answers, which makes pictures comparable.",
    )


@dataclass(frozen=True)
class ModelContext:
    """Model context of a probe: weights, unit statistics, training artifacts and checkpoints.

    Attributes:
        architecture: Layers, classes and input of the model.
        weights: Parameters by module path: those of the checkpoint that is asked.
        units: Statistics of units over held-out sequences of bits, by recurrent layer; empty for
            networks that do not count bits.
        artifacts: Artifacts that training wrote, by name (`models.runtime.artifacts`).
        training_checkpoints: Parameters of each checkpoint by name: at points of the training, the
            earliest first, then those of other names.
        calibration: Calibration of the served weights of a CNN; None where their metadata have
            none, for a training checkpoint and for an LSTM.
        checkpoint: Name of the training checkpoint that `weights` are; None for the served weights.
    """

    architecture: Architecture
    weights: Tensors
    units: Mapping[str, UnitStatistics] = field(default_factory=dict)
    artifacts: Mapping[str, Checkpoint] = field(default_factory=dict)
    training_checkpoints: Mapping[str, Tensors] = field(default_factory=dict)
    calibration: Calibration | None = None
    checkpoint: str | None = None

    def at_checkpoint(self, name: str) -> "ModelContext":
        """Return the model context of a training checkpoint, which has no records of its own.

        The temperature was fitted, and records were measured, for the served weights alone.
        """
        weights = self.training_checkpoints[name]
        return replace(self, weights=weights, artifacts={}, calibration=None, checkpoint=name)


@dataclass(frozen=True)
class ProbeInput:
    """Input of a probe: the row that programs read, and the extra fields of the request body.

    Attributes:
        row: Input of the model's programs: `image`, or `sequence`, `cell` and `hidden`; empty for
            a probe of the weights alone.
        extra: Extra fields of the body, validated by the probe's `body` model; None without one.
        source: Row of the second input; empty where the body has no `source`.
    """

    row: Row = field(default_factory=dict)
    extra: BaseModel | None = None
    source: Row = field(default_factory=dict)

    def extra_as(self, model: type[Extra]) -> Extra:
        """Extra fields of a probe's input, with the type of its declared `body` model.

        Raises:
            TypeError: The probe was called without them, which no request can do.
        """
        if not isinstance(self.extra, model):
            msg = f"extra fields must be {model.__name__}, not {type(self.extra).__name__}"
            raise TypeError(msg)
        return self.extra


@dataclass(frozen=True)
class ProbeCall(Generic[Parameters_co]):
    """Arguments of a probe's `check`, `rows` and `run`: model, input and query parameters."""

    model: ModelContext
    input: ProbeInput
    parameters: Parameters_co

    def with_outputs(self, outputs: Outputs) -> "ProbeContext[Parameters_co]":
        """Return the argument of a probe's `figure` for this call and its outputs."""
        return ProbeContext(self.model, self.input, self.parameters, outputs)


@dataclass(frozen=True)
class ProbeContext(ProbeCall[Parameters_co]):
    """Argument of a probe's `figure`: the call and the outputs of its program or run.

    Attributes:
        outputs: Arrays by name, without a batch axis; empty for a probe that runs nothing.
    """

    outputs: Outputs

    @property
    def logits(self) -> Float[np.ndarray, " classes"]:
        """Logits in a probe's outputs; those after the last step where they are of every step."""
        logits = self.outputs["logits"]
        # The predict program returns a vector, a trace a row for each step.
        return logits if logits.ndim == 1 else logits[-1]

    @cached_property
    def probabilities(self) -> Float[np.ndarray, " classes"]:
        """Class probabilities in a probe's outputs: softmax of the logits."""
        return softmax(self.logits)

    @property
    def calibrated(self) -> Float[np.ndarray, " classes"] | None:
        """Calibrated class probabilities: softmax of logits / temperature; None without a fit."""
        calibration = self.model.calibration
        if calibration is None or calibration.temperature is None:
            return None
        return softmax(self.logits, calibration.temperature)


@dataclass(frozen=True)
class ResultWarning:
    """Warning about a probe's result, listed in the response's `warnings` after the input's.

    Attributes:
        code: Kind of the warning, such as `incomplete`.
        message: Sentence with the measured value and the limit.
    """

    code: str
    message: str


def _accept(_: ProbeCall[Any]) -> None:
    """Accept every call: the `check` of a probe that declares no other."""


@dataclass(frozen=True, eq=False)
class Probe:
    """Declaration of a probe: its parameters, its program or run, and its figure.

    `check`, `rows` and `run` take a `ProbeCall`, `figure` and `warnings` a `ProbeContext`: the same
    with outputs.

    Attributes:
        family: Family of the networks that it applies to, by their input.
        name: Unique within the family; with that of a model the path `/{model}/{name}`.
        figure: Draws the outputs. The first line of its docstring is the probe's title in the
            docs, on the page and in OpenAPI, the rest its description.
        parameters: Query parameters, as a pydantic model.
        program: Program whose outputs the figure reads; None with a `run`, or of weights alone.
        outputs: Names of the program's outputs that the figure reads, from the architecture and
            the parameters.
        run: Generator that yields program calls and returns the outputs, for a probe that needs
            several rows or another program. With an input it also returns the outputs of predict.
        rows: Number of rows that `run` makes, which counts against `LIGHTWELL_ANALYSIS_ROWS`.
        held: Upper bound of the bytes that `run` holds between its calls: rows and outputs in
            flight, the results that it keeps until its end, and the tensors made of them.
        input: Whether the probe reads an input (POST), or the weights alone (GET).
        body: Extra fields of the request body, as a pydantic model. A field `source` is a second
            input, in each of the forms of the first.
        checkpoints: Whether the query may name a training checkpoint.
        check: Raises `ParameterError` for parameters that the model or the input does not allow;
            called before anything runs.
        warnings: Returns warnings about the result: measured values that make it doubtful.
        example: Query parameters for the docs and the tests.
        posted: Extra fields of the body for the docs and the tests.
        needs: Properties that a model of the family must have; other models have no such probe.
    """

    family: Family
    name: str
    figure: Callable[[ProbeContext[Any]], Figure]
    parameters: type[Parameters] = Parameters
    program: Literal["predict", "trace"] | None = None
    outputs: Callable[[Architecture, Any], Iterable[str]] = lambda *_: ()
    run: Callable[[ProbeCall[Any]], Run] | None = None
    rows: Callable[[ProbeCall[Any]], int] = lambda _: 1
    held: Callable[[ProbeCall[Any]], int] = lambda _: 0
    input: bool = True
    body: type[BaseModel] | None = None
    checkpoints: bool = False
    check: Callable[[ProbeCall[Any]], None] = _accept
    warnings: Callable[[ProbeContext[Any]], Sequence[ResultWarning]] = lambda _: ()
    example: Mapping[str, str] = field(default_factory=dict)
    posted: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()

    def unmet(self, model: "DescribedModel") -> Need | None:
        """Return the first need of a probe that a model does not meet; None where it applies."""
        return next((need for need in self.needs if not need.is_met(model)), None)

    @property
    def title(self) -> str:
        """Title of a probe: first line of its figure's docstring."""
        return (self.figure.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """Description of a probe: the rest of its figure's docstring, without indentation."""
        rest = (self.figure.__doc__ or "").strip().partition("\n")[2]
        return "\n".join(line.strip() for line in rest.strip().splitlines())
