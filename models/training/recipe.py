"""Recipes: hyperparameters of a training run, in a TOML file next to the declaration."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from models.declaration.toml_file import DeclarationError, parse_toml, read_text
from models.model_files import SHIPPED
from models.printable import printable

FILE = "recipe.toml"
"""Name of a recipe's file in the folder of a network."""

MAX_BYTES = 65_536

TrainerName = Literal["classifier", "digits", "counting"]
"""Trainers that a recipe may name: of any declared network, of SimpleCNN, of CountingLSTM."""

Config = TypeVar("Config")


class RecipeError(ValueError):
    """Error of a recipe: a sentence that names the key and its limit."""


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training run of a declared network.

    Attributes:
        epochs: Passes over the training examples, 1 to 10,000.
        batch: Examples of a step, at least 1; an incomplete last batch of an epoch is dropped.
        validation: Share of the examples that is held out, below 1.
        learning_rate: Peak rate, after a linear warm-up of one epoch and before a cosine decay.
        weight_decay: Weight decay of AdamW.
        smoothing: Label smoothing: share of the target that is spread over all classes.
        clip: Maximum norm of gradients, to which larger ones are clipped.
        average: Decay rate per step of the moving average of the parameters, which is served.
        statistics: Decay rate per step of the mean and variance of batch normalisation.
        seed: Seed of initial parameters, held-out examples, their order and dropout.
    """

    epochs: int = 20
    batch: int = 64
    validation: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    smoothing: float = 0.0
    clip: float = 1.0
    average: float = 0.99
    statistics: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the range of each hyperparameter."""
        limits = {
            "epochs": (1, 10_000),
            "batch": (1, 65_536),
            "validation": (0, 0.9),
            "learning_rate": (1e-9, 10),
            "weight_decay": (0, 10),
            "smoothing": (0, 0.9),
            "clip": (1e-6, 1e6),
            "average": (0, 0.99999),
            "statistics": (0, 0.99999),
            "seed": (0, 2**31 - 1),
        }
        for name, (least, most) in limits.items():
            # Written so that NaN, which compares false, is refused too.
            if not least <= getattr(self, name) <= most:
                msg = f"{name} must be from {least:g} to {most:g}, not {getattr(self, name)}"
                raise RecipeError(msg)


def read_recipe(path: Path) -> tuple[TrainerName, dict[str, Any]]:
    """Read a recipe: the name of its trainer, `classifier` by default, and its hyperparameters.

    Raises:
        RecipeError: It cannot be read, is not TOML, or names an unknown trainer.
    """
    try:
        found = parse_toml(read_text(path, MAX_BYTES), printable(path.name))
    except DeclarationError as error:
        raise RecipeError(str(error)) from error
    trainer = found.pop("trainer", "classifier")
    for known in ("classifier", "digits", "counting"):
        if trainer == known:
            return known, found
    msg = "trainer must be classifier, digits or counting"
    raise RecipeError(msg)


def shipped_recipe(name: str, kind: type[Config]) -> Config:
    """Return the hyperparameters of a shipped network's recipe."""
    _, given = read_recipe(SHIPPED / name / FILE)
    return config_of(kind, given)


def config_of(kind: type[Config], given: dict[str, Any]) -> Config:
    """Return hyperparameters of a recipe as the dataclass of its trainer.

    Raises:
        RecipeError: A key is unknown, or a value has another type or is out of its range.
    """
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            msg = f"'{key[:32]}' is not known; a recipe has {', '.join(known)}"
            raise RecipeError(msg)
    try:
        return TypeAdapter(kind).validate_python(given, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        msg = (
            f"{place}: {first['msg']}" if place else str(first["msg"]).removeprefix("Value error, ")
        )
        raise RecipeError(msg) from error
