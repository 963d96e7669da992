"""The shapes of bodies and answers, as pydantic models: for the OpenAPI text and for tests."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Schema(BaseModel):
    """An object on the wire."""

    model_config = ConfigDict(extra="forbid")


class Stats(Schema):
    """Statistics of a tensor's finite values; null where it has none."""

    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    zero_fraction: float | None = Field(description="Share of the values that are exactly zero.")


class ColourRange(Schema):
    """How the picture colours a tensor, so that a page can do the same."""

    map: Literal["viridis", "cividis", "gray", "RdBu", "petroff10"]
    vmin: float | list[float] = Field(description="The low end; one for each channel by itself.")
    vmax: float | list[float] = Field(description="The high end, likewise.")
    scope: Literal["channel", "layer", "fixed"]


class TensorEntry(Schema):
    """Named values."""

    name: str
    kind: str = Field(description="What the values are: `pre_activation`, `gate`, `cell`, …")
    axes: list[str] = Field(description="The name of every axis, in order.")
    coordinates: dict[str, list[int | str]] = Field(
        description="For an axis, what each row along it is: where not all rows came back, or "
        "where rows have names. An axis that is not here counts from 0."
    )
    shape: list[int]
    dtype: str
    stats: Stats
    colour: ColourRange | None
    encoding: Literal["nested", "base64"]
    data: list[Any] | str = Field(
        description="Nested lists; with `encoding=base64` the little-endian bytes, row-major."
    )


class MeasureEntry(Schema):
    """A scalar or a word."""

    name: str
    value: float | str | bool | None
    unit: str


class WarningEntry(Schema):
    """Something that the reader of an answer should know."""

    code: str
    message: str


class Prediction(Schema):
    """What the network answers."""

    label: int
    name: str
    probabilities: list[float] = Field(description="Softmax of the logits; they sum to 1.")
    logits: list[float]


class ImageEcho(Schema):
    """The picture as the network really saw it."""

    pixels: list[list[int]] = Field(
        description="28 rows of 28 integers, 0 ground to 255 full ink; post them again as `pixels`."
    )
    preparation: Json = Field(description="What was done to get there.")


class SequenceEcho(Schema):
    """The sequence as the network read it."""

    sequence: str
    length: int
    ones: int
    initial_state: Literal["zero", "given"]


class WeightsAnswer(Schema):
    """An answer about the weights alone."""

    model: str
    weights: str = Field(description="SHA-256 of the weights that answered.")
    tensors: list[TensorEntry]
    measures: list[MeasureEntry]
    warnings: list[WarningEntry]


class ImageResult(Schema):
    """What is said of one of several images."""

    input: ImageEcho
    prediction: Prediction
    tensors: list[TensorEntry]
    measures: list[MeasureEntry]
    warnings: list[WarningEntry]


class SequenceResult(Schema):
    """What is said of one of several sequences."""

    input: SequenceEcho
    prediction: Prediction
    tensors: list[TensorEntry]
    measures: list[MeasureEntry]
    warnings: list[WarningEntry]


SEVERAL = "One for each of several inputs, in order; with it come only `model` and `weights`."

# Not a union of an answer about one input and one about several: users of a typed client would have
# to tell them apart before they could read the first field of either.


class ImageAnswer(Schema):
    """An answer about one image, or in `answers` about several."""

    model: str
    weights: str = Field(description="SHA-256 of the weights that answered.")
    input: ImageEcho | None = None
    prediction: Prediction | None = None
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    answers: list[ImageResult] | None = Field(None, description=SEVERAL)


class SequenceAnswer(Schema):
    """An answer about one sequence, or in `answers` about several."""

    model: str
    weights: str = Field(description="SHA-256 of the weights that answered.")
    input: SequenceEcho | None = None
    prediction: Prediction | None = None
    tensors: list[TensorEntry] | None = None
    measures: list[MeasureEntry] | None = None
    warnings: list[WarningEntry] | None = None
    answers: list[SequenceResult] | None = Field(None, description=SEVERAL)


class ProblemReason(Schema):
    """One thing that is wrong, and where."""

    location: list[str | int]
    reason: str


class ProblemAnswer(Schema):
    """An answer that says no (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemReason]


class ReceptiveFieldEntry(Schema):
    """Which part of the picture one value sees.

    The value in row i sees the `size` rows of the picture from stride · i - offset on, as far as
    the picture goes; columns likewise.
    """

    size: int
    stride: int
    offset: int


class LayerEntry(Schema):
    """A value of the trace that can be asked for."""

    name: str
    kind: str
    axes: list[str]
    shape: list[int | None] = Field(description="null is the length of the sequence.")
    parameters: int = Field(description="How many parameters this layer has of its own.")
    receptive_field: ReceptiveFieldEntry | None = Field(
        description="The square of the picture that one value sees, in pixels; null where it sees "
        "everything."
    )


class ProbeEntry(Schema):
    """A question that can be asked of a model."""

    name: str
    path: str
    methods: list[str]
    title: str
    parameters: Json = Field(description="JSON schema of the query.")


class ModelEntry(Schema):
    """What is resident."""

    name: str
    title: str
    task: str
    input: Literal["image", "sequence"]
    classes: list[str]
    parameters: int
    weights: str
    device: str
    matmul_precision: str
    dtype: str
    row_buckets: list[int]
    layers: list[LayerEntry]
    probes: list[ProbeEntry]
    checkpoints: list[str] = Field(
        description="The network as it was during training, the earliest first: what `checkpoint` "
        "may name."
    )
    training: Json = Field(description="What is recorded of the training of these weights.")


class ModelList(Schema):
    """Every resident model."""

    models: list[ModelEntry]


class FindingEntry(Schema):
    """A statement about a network, and what was measured."""

    key: str
    statement: str
    model: str
    weights: str = Field(description="SHA-256 of the weights that it was measured on.")
    supported: bool = Field(description="Whether the numbers bear the statement out.")
    value: float
    least: float = Field(description="The value from which on the statement is supported.")
    reference: float = Field(description="The same by chance, or with weights drawn anew.")
    unit: str
    measured: str = Field(description="What is measured.")
    request: str = Field(description="The path that measures it again.")
    picture: str = Field(description="The path of its picture.")


class FindingList(Schema):
    """What is said of the two networks."""

    findings: list[FindingEntry]


class ColourMap(Schema):
    """The colours of a map, low values first."""

    name: str
    kind: Literal["sequential", "diverging", "categorical"]
    colours: list[str] = Field(description="256 colours such as `#440154`.")


class ColourMapList(Schema):
    """Every colour map."""

    colormaps: list[ColourMap]


class Sample(Schema):
    """An image of the MNIST test set."""

    index: int = Field(description="Its place in the test set.")
    label: int
    pixels: list[list[int]]


class SampleList(Schema):
    """Images to try."""

    samples: list[Sample]


class Status(Schema):
    """Whether the server is alive, or ready."""

    status: str = Field(examples=["ready"])
