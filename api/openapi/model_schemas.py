"""Schemas of `/models`, as pydantic models: networks, their layers, inputs and probes."""

from typing import Literal

from pydantic import Field

from api.openapi.schemas import Json, Schema


class ReceptiveFieldEntry(Schema):
    """Schema of a layer's receptive field: that of one value, in pixels of the input.

    The value in row i depends on `size` rows of the image from row stride · i - offset, within the
    image; the same holds for columns.
    """

    size: int
    stride: int
    offset: int


class LayerEntry(Schema):
    """Schema of a layer: one value of a trace, by its name."""

    name: str
    kind: str
    axes: list[str]
    shape: list[int | None] = Field(description="null is the length of the sequence.")
    parameters: int = Field(description="Number of parameters of this layer.")
    receptive_field: ReceptiveFieldEntry | None = Field(
        description="Receptive field of one value along the rows, in pixels; null where it is the "
        "whole image."
    )
    receptive_field_columns: ReceptiveFieldEntry | None = Field(
        None,
        description="Receptive field along the columns; null where it is that along the rows.",
    )
    layer: str = Field(
        "", description="Layer whose value it is; a recurrent layer has several values."
    )
    operation: str = Field("", description="Line of the layer in the network's declaration.")
    inputs: list[str] = Field(
        default_factory=list,
        description="Names of the values that the layer reads; `input` is the network's input.",
    )


class StateEntry(Schema):
    """Schema of a recurrent state of a network of sequences."""

    name: str = Field(description="Key in `initial_state`.")
    final: str = Field(description="Name of the tensor with the state after the last step.")
    units: int
    bound: float = Field(description="Largest magnitude that `initial_state` may have.")


class InputEntry(Schema):
    """Schema of a network's input: an image, symbols of an alphabet, or rows of numbers."""

    height: int | None = None
    width: int | None = None
    channels: int | None = Field(None, description="1 for grey, 3 for red, green and blue.")
    mean: list[float] | None = Field(
        None, description="Subtracted from the intensities 0 to 1 of each channel."
    )
    std: list[float] | None = Field(None, description="Divides the difference, of each channel.")
    prepare: Literal["mnist", "fit", "none"] | None = Field(
        None, description="Default of the parameter `preprocess`."
    )
    alphabet: list[str] | None = Field(
        None, description="Symbols in the order of their indices; null for rows of numbers."
    )
    encoding: Literal["number", "one-hot", "embed"] | None = None
    features: int | None = Field(None, description="Numbers in each step of rows of numbers.")
    states: list[StateEntry] | None = None


class ProbeEntry(Schema):
    """Schema of a probe of a model, with its path and parameters."""

    name: str
    path: str
    methods: list[str]
    title: str
    parameters: Json = Field(description="JSON schema of the query.")


class LengthLimitsEntry(Schema):
    """Schema of the lengths, in steps, up to which answers of counting networks are known."""

    tested_length: int = Field(
        description="Longest length that a test of these weights found no error at; 0 where no "
        "test is recorded."
    )
    certified_length: int = Field(
        description="Length up to which every sequence is answered correctly, by a certificate "
        "that the server computes from the weights; 0 where it proves nothing."
    )


class ModelEntry(Schema):
    """Schema of a resident model: task, classes, layers, probes and training."""

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
        description="Values of the parameter `checkpoint`: training checkpoints, earliest first, "
        "then weights of other names."
    )
    length_limits: LengthLimitsEntry | None = Field(
        description="Lengths up to which the answers of a model of sequences are known; longer "
        "ones have a warning. null for other models."
    )
    checkpoint_limits: dict[str, LengthLimitsEntry] = Field(
        description="Known lengths by checkpoint; empty for other models."
    )
    training: Json = Field(description="Record of the training of these weights.")
    details: InputEntry = Field(
        default_factory=InputEntry, description="Size, symbols and preparation of an input."
    )
    answer: Literal["last", "every"] = Field(
        "last", description="Step of a sequence whose answer is meant: the last, or every one."
    )
    removed: str | None = Field(
        None, description="Last activation that the declaration has and the network does not."
    )
    shipped: bool = Field(False, description="Whether the network ships with the server.")
    memory_bytes: int = Field(0, description="Bytes of its parameters and compiled programs.")
    ready_s: float = Field(0, description="Seconds that loading and compiling took.")
    tour: int = Field(
        0, description="Steps of its tour at `/models/{model}/tour`; 0 without a tour."
    )
    tour_error: str | None = Field(
        None, description="Why its `tour.toml` is left out; null where there is no fault."
    )


class TourStepEntry(Schema):
    """Schema of a step of a tour: a state of the page, a part of it, a sentence and an action.

    The action is done when the page's state has all values of `done`, or another value of `change`
    than before.
    """

    state: dict[str, bool | int | str] = Field(
        description="Values of the page's address; all others of the view have their defaults."
    )
    outline: str = Field(description="Part of the page, such as `answer` or `layer relu1`.")
    text: str = Field(description="Sentence about that part.")
    ask: str = Field(description="Sentence that asks for the action.")
    done: dict[str, bool | int | str] = Field(
        description="Values that the action reaches; empty where `change` names one."
    )
    change: str = Field(description="Value that the action changes; empty where `done` has values.")


class TourEntry(Schema):
    """Schema of a tour of a network through the page, step by step."""

    model: str
    weights: str = Field(description="Digest of the weights.")
    steps: list[TourStepEntry]


class FailedEntry(Schema):
    """Schema of files of a network that could not be loaded, at the start or again, and why."""

    name: str = Field(description="Name of its folder.")
    reason: str


class ModelList(Schema):
    """Schema of `/models`: every resident model, and the files that could not be loaded."""

    models: list[ModelEntry]
    failed: list[FailedEntry] = Field(default_factory=list)
    ready: bool = Field(
        description="Whether requests are answered, as `/readyz` says: false while models are "
        "compiled, and when the server is stopping."
    )
