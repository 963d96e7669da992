"""Probe `units` of images: units ranked by the classes that they respond to, or by silence."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from models.runtime.checkpoints import Tensors
from probes.cnn.layer_values import signed_layers
from probes.cnn.unit_record import class_selectivity
from probes.declaration import (
    ModelContext,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Measure, Panels, Tensor
from probes.shared.choices import ClassChoice, LayerChoice
from probes.shared.needs import RECORDED, artifact_need

Quantity = Literal["selectivity", "mean", "silence"]

MOST_UNITS = 64
"""Most units of one ranking."""


def ranked_layers(architecture: Architecture) -> tuple[str, ...]:
    """Return the layers whose units can be ranked: those whose values are never below zero."""
    signed = signed_layers(architecture)
    return tuple(name for name in architecture.layers if name not in signed)


def activated_layers(architecture: Architecture) -> tuple[str, ...]:
    """Return the layers whose units are ranked by default: those after a nonlinearity."""
    layers = architecture.layers
    return tuple(
        name for name in ranked_layers(architecture) if layers[name].kind == "post_activation"
    )


class UnitsParameters(Parameters):
    """Parameters of the probe `units`: layers, quantity and class of the ranking."""

    layers: Annotated[
        list[str],
        BeforeValidator(split_commas),
        Field(min_length=1),
        LayerChoice(ranked_layers, activated_layers, is_limited=True),
    ] = Field(
        [],
        description="Layers whose units are ranked together; default those after a nonlinearity. "
        "A pool has the units of the layer before it once more.",
    )
    by: Quantity = Field(
        "selectivity",
        description="Quantity of the ranking: `selectivity` for the class `label`, without one for "
        "the unit's own favourite; `mean` value over the test images of the class, without one "
        "over all classes; `silence`, the share of values that are zero.",
    )
    label: Annotated[int | None, ClassChoice()] = Field(
        None, ge=0, description="Class; `silence` has none."
    )
    order: Literal["highest", "lowest"] = Field(
        "highest", description="End of the ranking that comes first."
    )
    count: int = Field(10, ge=1, le=MOST_UNITS, description="Units to return.")


@dataclass(frozen=True, eq=False)
class UnitRanking:
    """Ranking of units over the test set, the first of the chosen order first.

    Attributes:
        names: Layer and channel of each unit, such as `relu2.7`.
        scores: Quantity of the ranking.
        class_means: Mean value over the test images of each class.
        silence: Share of values at zero.
    """

    names: tuple[str, ...]
    scores: Float[np.ndarray, " units"]
    class_means: Float[np.ndarray, "classes units"]
    silence: Float[np.ndarray, " units"]


def rank(record: Tensors, parameters: UnitsParameters) -> UnitRanking:
    """Rank the units of layers; those without a score, such as dead ones, are left out.

    Args:
        record: Artifact `units` of the network.
        parameters: Those of the request; units of equal scores are in the order of the network.
    """
    chosen = list(dict.fromkeys(parameters.layers))
    means = np.concatenate([record[f"{layer}.class_means"] for layer in chosen], axis=1)
    silence = np.concatenate([record[f"{layer}.silent_values"] for layer in chosen])
    names = [
        f"{layer}.{channel}"
        for layer in chosen
        for channel in range(record[f"{layer}.class_means"].shape[1])
    ]
    scores = _scores(means, silence, parameters)
    sign = -1 if parameters.order == "highest" else 1
    # NaN comes last in either order.
    order = np.argsort(sign * scores, kind="stable")[: parameters.count]
    order = order[np.isfinite(scores[order])]
    return UnitRanking(
        tuple(names[at] for at in order), scores[order], means[:, order], silence[order]
    )


def _scores(
    means: Float[np.ndarray, "classes units"],
    silence: Float[np.ndarray, " units"],
    parameters: UnitsParameters,
) -> Float[np.ndarray, " units"]:
    """Return the quantity by which units are ranked; NaN where a unit has none."""
    if parameters.by == "silence":
        return silence.astype(np.float64)
    values = class_selectivity(means) if parameters.by == "selectivity" else means
    if parameters.label is not None:
        return np.asarray(values[parameters.label], np.float64)
    wide = values.astype(np.float64)
    return np.asarray(wide.max(axis=0) if parameters.by == "selectivity" else wide.mean(axis=0))


def _ranking(model: ModelContext, parameters: UnitsParameters) -> UnitRanking:
    return rank(model.artifacts["units"].tensors, parameters)


def check_units(call: ProbeCall[UnitsParameters]) -> None:
    """Raise `ParameterError` for a ranking of units that has no unit, or no use for its class."""
    parameters = call.parameters
    if parameters.by == "silence" and parameters.label is not None:
        raise ParameterError("label", "silence is that of all values, so it has no label")
    if not parameters.layers:
        reason = "no layer after a nonlinearity has values that are never below zero"
        raise ParameterError("layers", reason)
    if not _ranking(call.model, parameters).names:
        raise ParameterError("by", f"no unit of these layers has a {parameters.by}")


def units(context: ProbeContext[UnitsParameters]) -> Figure:
    """Units ranked by how selective they are for a class, by their mean value, or by silence.

    `score` is the quantity of the ranking, with the units' names (`relu2.7` is channel 7 of relu2).
    Selectivity for a class is (μ − μ_rest) / (μ + μ_rest): the unit's mean value over the test
    images of the class against the mean of its means over the other classes. It is 1 for a unit
    that responds to this class alone, 0 where it makes no difference, −1 for a unit that responds
    to all others. `class_means` are these means, `silence` is the share of values at zero. Units
    that never respond have no selectivity, and are left out.
    """
    parameters, classes = context.parameters, context.model.architecture.classes
    found = _ranking(context.model, parameters)
    names = {"unit": found.names}
    means = np.ascontiguousarray(found.class_means)
    score = Tensor("score", "statistic", ("unit",), found.scores.astype(np.float32), names)
    by_class = Tensor(
        "class_means",
        "statistic",
        ("label", "unit"),
        means,
        {"label": classes, **names},
        colours.non_negative(means, "viridis"),
    )
    silent = Tensor("silence", "statistic", ("unit",), found.silence, names)
    measures = (Measure("by", parameters.by), Measure("label", _class_name(context)))
    parts = (
        Bars(_title(context), score, measures=measures),
        Bars("Share of values at zero: silence", silent, (0.0, 1.0)),
        Heatmap("Mean value by class", by_class, "unit"),
    )
    return Panels("Units ranked", parts)


def _class_name(context: ProbeContext[UnitsParameters]) -> str | None:
    label = context.parameters.label
    return None if label is None else context.model.architecture.classes[label]


def _title(context: ProbeContext[UnitsParameters]) -> str:
    """Return the title of a ranking of units: its quantity, and the class that it is for."""
    name = _class_name(context)
    match context.parameters.by:
        case "selectivity":
            return f"Ranked by selectivity for {'the favourite class' if name is None else name}"
        case "mean":
            return f"Ranked by mean value over {'all classes' if name is None else name}"
        case "silence":
            return "Ranked by the share of values at zero"


UNITS_RECORD = artifact_need(
    "units",
    f"Its weights have no record of units over a data set, {RECORDED}.",
)
"""Need of the ranking of units: statistics of each unit over a test set."""

PROBES = (
    Probe(
        family="image",
        name="units",
        figure=units,
        parameters=UnitsParameters,
        input=False,
        check=check_units,
        example={"layers": "relu3", "label": "7", "count": "8"},
        needs=(UNITS_RECORD,),
    ),
)
