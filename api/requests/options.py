"""Query options of inputs and weights: preprocessing, a sequence, its start, a checkpoint."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from api.requests.model_input import Preprocess
from api.requests.sequence_body import MAX_INITIAL_STEPS
from models.architecture import Architecture
from probes.shared.choices import Fault, Schema

PREPARATIONS: Mapping[Preprocess, tuple[Preprocess, ...]] = {
    "mnist": ("mnist", "none"),
    "fit": ("fit", "none"),
    "none": ("none", "fit"),
}
"""Query options of images: preparation of a network -> those that a request may choose."""


class PreprocessChoice:
    """Choice of the query option `preprocess` among the preparations of a network."""

    def default(self, architecture: Architecture) -> Preprocess:
        """Return the preparation that the network declares, for a request that names none."""
        return architecture.image.prepare

    def faults(self, value: Preprocess | None, architecture: Architecture) -> Iterator[Fault]:
        """Yield a fault where the network's images are not prepared so."""
        known = PREPARATIONS[architecture.image.prepare]
        if value is not None and value not in known:
            expected = " or ".join(f"'{one}'" for one in known)
            yield {
                "type": "literal_error",
                "loc": (),
                "msg": f"Input should be {expected}",
                "input": value,
                "ctx": {"expected": expected},
            }

    def describe(self, schema: Schema, architecture: Architecture) -> None:
        """Add the preparations of a network to the JSON schema of `preprocess`."""
        default = architecture.image.prepare
        found = {**schema, "enum": list(PREPARATIONS[default]), "default": default}
        found["type"] = "string"
        found.pop("anyOf", None)
        schema.clear()
        schema.update(sorted(found.items()))


class ImageOptions(BaseModel):
    """Query options of a posted image: `preprocess`."""

    preprocess: Annotated[str | None, PreprocessChoice()] = Field(
        None,
        json_schema_extra={"enum": ["mnist", "fit", "none"]},
        description="`mnist` scales the foreground to 20x20 pixels and centres its mass in 28x28, "
        "white on black, as MNIST was made. `fit` crops a picture about its centre and scales it "
        "to the network's size. `none` takes pixels of that size as they are. Each network has its "
        "own default, which `/models/{model}` lists with the others that it takes.",
    )


class SequenceQuery(BaseModel):
    """Query options of a route that reads its input from the query: `sequence`."""

    sequence: str = Field(
        description="1 to 1,024 symbols of the network's alphabet, oldest first; commas or white "
        "space may separate bits.",
        examples=["10110"],
    )


class InitialStepsOptions(BaseModel):
    """Query options of posted sequences: `initial_steps`, the steps before the initial state."""

    initial_steps: int | None = Field(
        None,
        ge=0,
        le=MAX_INITIAL_STEPS,
        description="Number of steps before the `initial_state` of every input, for the warning "
        "about long sequences; an input may have its own `initial_steps` in the body.",
    )


class CheckpointOptions(BaseModel):
    """Query options of the weights to use: the training `checkpoint`."""

    checkpoint: str | None = Field(
        None,
        pattern=r"^[\w.-]{1,32}$",
        description="Other weights of the network: those of a point of the training, such as "
        "`round-4`, or of another name. `/models` lists them. The served ones where left out.",
    )
