"""Query options of inputs and weights: preprocessing, a sequence, its start, a checkpoint."""

from pydantic import BaseModel, Field

from api.requests.model_input import Preprocess
from api.requests.sequence_body import MAX_INITIAL_STEPS


class ImageOptions(BaseModel):
    """Query options of a posted image: `preprocess`."""

    preprocess: Preprocess = Field(
        "mnist",
        description="`mnist` scales the foreground to 20x20 pixels and centres its mass in 28x28, "
        "white on black, as MNIST was made. `none` takes 28x28 pixels as they are.",
    )


class SequenceQuery(BaseModel):
    """Query options of a route that reads its input from the query: `sequence`."""

    sequence: str = Field(
        description="1 to 1,024 bits, oldest first; commas or white space may separate them.",
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
