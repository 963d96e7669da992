"""Probe `summary` of networks of sequences: values of a layer, and statistics of its units."""

from collections.abc import Iterator

from models.rnn.unit_statistics import (
    HELD_OUT_STEPS,
    QUANTITIES,
    SATURATED_HIGH,
    SATURATED_LOW,
    UnitStatistics,
    gates_of,
    measure_units,
)
from probes.declaration import Probe, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Measure, Panels, Tensor
from probes.rnn.layers import RecurrentLayer
from probes.rnn.strips import running_count, running_probability, sequence_strip
from probes.rnn.values import LayerSelection, check_layer, heatmap

SATURATION_ENDS = (f"< {SATURATED_LOW}", f"> {SATURATED_HIGH}")
"""Names of the two ends at which a gate counts as saturated in a summary."""


def summary(context: ProbeContext[LayerSelection]) -> Figure:
    """Summary of a sequence: gates, states, running answer, and statistics of each unit.

    Saturation is the share of steps at which a gate is below 0.1 or above 0.9. A time constant is
    −1 / ln of the mean forget gate, or update gate of a GRU, in steps: infinite for a unit that
    never forgets, which JSON has as null with a warning. Of a network that counts bits these and
    the roles and R² of units describe the network, not this sequence: they are measured over fixed
    held-out sequences. Of others they are measured over this sequence.
    """
    chosen, layer = context.parameters, context.parameters.of(context.model.architecture)
    counts = (running_count(context),) if _counts(context) else ()
    run: tuple[Figure, ...] = (
        sequence_strip(context, chosen.cmap),
        *counts,
        running_probability(context),
        *(heatmap(context, layer.value(value)) for value in layer.shown),
    )
    known, measured = _known(context, layer)
    return Panels("Summary", (*run, *known), measures=measured)


def _counts(context: ProbeContext[LayerSelection]) -> bool:
    return context.model.architecture.declaration.counts_bits


def _known(
    context: ProbeContext[LayerSelection], layer: RecurrentLayer
) -> tuple[tuple[Figure, ...], tuple[Measure, ...]]:
    """Return the figures of each unit's statistics in a summary, and the roles as measures."""
    measured = context.model.units.get(layer.name)
    units = _over_sequence(context, layer) if measured is None else measured
    title, steps = "held-out sequences", HELD_OUT_STEPS
    if measured is None:
        title, steps = "this sequence", len(context.input.row["sequence"])
    figures = tuple(_unit_figures(units, layer, context.parameters.cmap, steps))
    panels = (Panels(f"What each unit does, over {title}", figures),) if figures else ()
    return panels, tuple(Measure(f"role.{unit}", role) for unit, role in enumerate(units.roles))


def _over_sequence(context: ProbeContext[LayerSelection], layer: RecurrentLayer) -> UnitStatistics:
    """Measure the statistics of a layer's units over the summarised sequence alone."""
    values = {name: context.outputs[layer.value(name)] for name in (*layer.gates, *layer.states)}
    # States begin with the initial one.
    trace = {name: one[int(name in layer.states) :][None] for name, one in values.items()}
    sequence = context.input.row["sequence"][None]
    return measure_units(sequence, trace, layer.cell, counts_bits=False)


def _unit_figures(
    units: UnitStatistics, layer: RecurrentLayer, cmap: str, steps: int
) -> Iterator[Figure]:
    """Yield the figures of unit statistics of a layer, to show below gates and states."""
    unit = colours.unit_interval(cmap)
    if units.r2.size:
        follows = [f"{state} · {quantity}" for state in layer.states for quantity in QUANTITIES]
        r2 = units.r2.reshape(len(follows), -1)
        tensor = Tensor("r2", "statistic", ("follows", "unit"), r2, {"follows": follows}, unit)
        yield Heatmap("R² with what a state may follow", tensor, "unit")
    if units.saturation.size:
        ends = [f"{gate} {end}" for gate in gates_of(layer.cell) for end in SATURATION_ENDS]
        shares = units.saturation.reshape(len(ends), -1)
        tensor = Tensor("saturation", "statistic", ("gate", "unit"), shares, {"gate": ends}, unit)
        yield Heatmap("Share of steps at which a gate is saturated", tensor, "unit")
        yield Bars(
            f"Time constant of the memory, in steps (bars end at {steps})",
            Tensor("time_constant", "statistic", ("unit",), units.time_constant),
            # The time constant of a unit that keeps its state can be infinite, or millions.
            (0.0, float(steps)),
        )
    if units.slope.size:
        tensor = Tensor("slope", "statistic", ("unit",), units.slope[0, 0])
        yield Bars(f"Change of the {layer.states[0]} state for one more 1", tensor)


SUMMARY = Probe(
    family="sequence",
    name="summary",
    figure=summary,
    parameters=LayerSelection,
    program="trace",
    outputs=lambda architecture, chosen: map(
        chosen.of(architecture).value, chosen.of(architecture).shown
    ),
    # Without `checkpoints`: statistics over held-out sequences are those of the served weights.
    check=check_layer,
    example={"units": "0,3"},
)
"""Probe `summary` of networks of sequences."""
