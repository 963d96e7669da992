"""Schemas of responses, as pydantic models: for OpenAPI and for tests."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Schema(BaseModel):
    """Base of the schemas of responses: an object without unknown keys."""

    # Lets tests find every key of a response that is not described here.
    model_config = ConfigDict(extra="forbid")


class Stats(Schema):
    """Schema of a tensor's statistics, over its finite values; null where it has none."""

    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    zero_fraction: float | None = Field(description="Share of the values that are exactly zero.")


class ColourRange(Schema):
    """Schema of a tensor's colour map and range, for clients that draw it themselves."""

    map: Literal["viridis", "cividis", "gray", "RdBu", "petroff10"]
    vmin: float | list[float] = Field(
        description="Lower limit; one for each channel with `scope=channel`."
    )
    vmax: float | list[float] = Field(
        description="Upper limit; one for each channel with `scope=channel`."
    )
    scope: Literal["channel", "layer", "fixed"]


class TensorEntry(Schema):
    """Schema of a tensor: its name, axes, statistics and values."""

    name: str
    kind: str = Field(description="Kind of values: `pre_activation`, `gate`, `cell`, …")
    axes: list[str] = Field(description="The name of every axis, in order.")
    coordinates: dict[str, list[int | str]] = Field(
        description="Positions or names along an axis, where only some rows were selected or rows "
        "have names. An axis without an entry counts from 0."
    )
    shape: list[int]
    dtype: str
    stats: Stats | None = Field(None, description="Absent where `include` leaves it out.")
    colour: ColourRange | None
    scale: float | list[float] | None = Field(
        None,
        description="With `encoding=uint8` the width of one level, one for each channel with "
        "`scope=channel`: a value is about offset + scale · byte. Otherwise absent.",
    )
    offset: float | list[float] | None = Field(
        None, description="With `encoding=uint8` the value of the byte 0. Otherwise absent."
    )
    encoding: Literal["nested", "base64", "uint8"] | None = Field(
        None, description="Absent where `include` leaves out `tensors`, as is `data`."
    )
    data: list[Any] | str | None = Field(
        None,
        description="Nested lists; with `encoding=base64` the little-endian bytes, row-major; with "
        "`encoding=uint8` a byte a value, in base64 too.",
    )


class MeasureEntry(Schema):
    """Schema of a measure: a named scalar or word."""

    name: str
    value: float | str | bool | None
    unit: str


class WarningEntry(Schema):
    """Schema of a warning: an input unlike the training data, a doubtful result, values in JSON."""

    code: str = Field(
        description="Kind of the warning, such as `blank`, `incomplete` or `non-finite`."
    )
    message: str


class Reliability(Schema):
    """Schema of a reliability bin: accuracy on the test images with such a top probability."""

    low: float = Field(description="Lower limit of the largest softmax probability, included.")
    high: float = Field(description="Upper limit, excluded unless it is 1.")
    images: int = Field(description="Number of MNIST test images between these limits.")
    right: int = Field(description="Number of these that are predicted correctly.")
    sentence: str = Field(
        description="The same in words, with the 95 % confidence interval of the accuracy."
    )


class Prediction(Schema):
    """Schema of a prediction: class, probabilities and logits."""

    label: int
    name: str
    probabilities: list[float] = Field(description="Softmax of the logits; they sum to 1.")
    logits: list[float]
    calibrated: list[float] | None = Field(
        None,
        description="Calibrated probabilities: softmax of logits / temperature, fitted on held-out "
        "MNIST images, and valid for images like them. Absent where no temperature was fitted: "
        "for an LSTM, a training checkpoint, or weights without a calibration.",
    )
    reliability: Reliability | None = Field(
        None,
        description="How often predictions of such a probability are right on MNIST test images. "
        "Absent without a calibration, and for an image that has a warning.",
    )


class ImageEcho(Schema):
    """Schema of an image in a response: after preprocessing, as the network read it."""

    pixels: list[list[int | list[int]]] | None = Field(
        None,
        description="Rows of integers, 0 background to 255 foreground, of the network's size; of "
        "networks of colours each pixel is a list of red, green and blue. Valid as `pixels`.",
    )
    values: list[list[float | list[float]]] | None = Field(
        None, description="Posted `values`, which the network read as they were."
    )
    preparation: Json = Field(
        description="Record of the preprocessing; `steps` has it in sentences."
    )


class SequenceEcho(Schema):
    """Schema of a sequence in a response, as the network read it."""

    sequence: str | list[str | list[float]] = Field(
        description="Steps as a body may have them: a string, a list of symbols where one has "
        "several characters, or rows of numbers."
    )
    length: int
    ones: int | None = Field(
        None, description="Number of 1s; absent where the symbols are not 0 and 1."
    )
    initial_state: Literal["zero", "given"]
    initial_steps: int | None = Field(
        None,
        description="Steps before a given initial state; absent where they are unknown.",
    )


FIGURE = "Layout of the picture: kinds, titles and names of tensors; only where `include` has it."


class WeightsAnswer(Schema):
    """Schema of the response of a probe of the weights alone; `include` chooses its parts."""

    model: str
    weights: str = Field(description="SHA-256 of the weights.")
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    figure: Json | None = Field(None, description=FIGURE)


class ImageResult(Schema):
    """Schema of the result for one of several images."""

    input: ImageEcho | None = None
    prediction: Prediction | None = None
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    figure: Json | None = Field(None, description=FIGURE)


class SequenceResult(Schema):
    """Schema of the result for one of several sequences."""

    input: SequenceEcho | None = None
    prediction: Prediction | None = None
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    figure: Json | None = Field(None, description=FIGURE)


SEVERAL = (
    "One result for each of several inputs, in order; then only `model` and `weights` are set."
)

# Not a union of a response about one input and one about several: users of a typed client would
# have to check the type before they could read the first field.


class ImageAnswer(Schema):
    """Schema of the response about one image; `answers` has the results of several."""

    model: str
    weights: str = Field(description="SHA-256 of the weights.")
    input: ImageEcho | None = None
    prediction: Prediction | None = None
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    figure: Json | None = Field(None, description=FIGURE)
    answers: list[ImageResult] | None = Field(None, description=SEVERAL)


class SequenceAnswer(Schema):
    """Schema of the response about one sequence; `answers` has the results of several."""

    model: str
    weights: str = Field(description="SHA-256 of the weights.")
    input: SequenceEcho | None = None
    prediction: Prediction | None = None
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    figure: Json | None = Field(None, description=FIGURE)
    answers: list[SequenceResult] | None = Field(None, description=SEVERAL)


class ProblemReason(Schema):
    """Schema of one fault in a problem: its reason and its location."""

    location: list[str | int]
    reason: str


class ProblemAnswer(Schema):
    """Schema of an error response: problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemReason]


class FindingEntry(Schema):
    """Schema of a finding: a statement about a network, with its measurement."""

    key: str
    statement: str
    model: str
    weights: str = Field(description="SHA-256 of the measured weights.")
    supported: bool = Field(
        description="Whether the measured value reaches `least` and is above `reference_high`, the "
        "further conditions of `measured` hold, and the statement is not `architectural`."
    )
    architectural: bool = Field(
        description="Whether the references reach `least` too: the statement then follows "
        "from the architecture, and is not counted as learned."
    )
    why: str = Field(
        description="Why the statement is not supported, or which part of it follows from the "
        "architecture; empty where there is nothing to explain."
    )
    value: float
    least: float = Field(description="Threshold: the statement is supported from this value on.")
    reference: float = Field(
        description="Mean of the values of the references: networks that have not learned, or "
        "random draws that `measured` names."
    )
    reference_low: float = Field(description="Smallest value of a reference.")
    reference_high: float = Field(description="Largest value of a reference.")
    references: int = Field(description="Number of references.")
    unit: str
    measured: str = Field(description="Definition of the measured quantity.")
    request: str = Field(description="The path that measures it again.")
    picture: str = Field(description="The path of its picture.")


class FindingList(Schema):
    """Schema of `/findings`: every statement about the shipped networks that are resident."""

    findings: list[FindingEntry]


class ColourMap(Schema):
    """Schema of a colour map: its colours, low values first."""

    name: str
    kind: Literal["sequential", "diverging", "categorical"]
    colours: list[str] = Field(description="256 colours such as `#440154`.")


class ColourMapList(Schema):
    """Schema of `/colormaps`: every colour map."""

    colormaps: list[ColourMap]


class Sample(Schema):
    """Schema of a sample: an image of the MNIST test set with its label."""

    index: int = Field(description="Position in the test set.")
    label: int
    pixels: list[list[int]]


class SampleList(Schema):
    """Schema of `/samples`: MNIST test images with their labels."""

    samples: list[Sample]


class SignedAddress(Schema):
    """Schema of `/signed`: an address that needs no token until it expires."""

    path: str = Field(description="Path and query, with the signature.")
    expires: int | None = Field(
        description="End of its validity in seconds since 1970; null where the server has no token."
    )


class Status(Schema):
    """Schema of `/livez` and `/readyz`: whether the server is alive, or ready."""

    status: str = Field(examples=["ready"])
