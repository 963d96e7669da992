"""Figures of the points that a fixed-point search of a network ended at, and their measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from probes.figures import colours
from probes.figures.figures import Bars, Colour, Coordinates, Heatmap, Measure, Scatter, Tensor
from probes.rnn.fixed_points import FIXED_TOLERANCE, Points

TOLERANCES = (1e-6, 1e-9, FIXED_TOLERANCE)
"""Tolerances of q at which the probe `dynamics` counts points; at the last, they are fixed."""

MAX_COLOURED_STEPS = 256.0
"""Largest time constant on the colour scale of the probe `dynamics`, in steps."""


@dataclass(frozen=True, eq=False)
class PointFigures:
    """Figures of the points of one fixed-point search in the probe `dynamics`.

    Attributes:
        points: Points of the search.
        prefix: Start of the names of tensors and measures, which differs between searches.
        entries: Names of a state's entries.
    """

    points: Points
    prefix: str
    entries: Sequence[str]

    def tensor(
        self,
        name: str,
        axes: Sequence[str],
        values: np.ndarray,
        coordinates: Coordinates | None = None,
        colour: Colour | None = None,
    ) -> Tensor:
        """Return a tensor of a fixed-point search's figure, with the prefix of the search."""
        named = f"{self.prefix}{name}"
        return Tensor(named, "statistic", tuple(axes), values, coordinates or {}, colour)

    def measures(self) -> tuple[Measure, ...]:
        """Measures of a fixed-point search: points found, and each one's kind and place."""
        points = self.points
        fixed = points.found(FIXED_TOLERANCE)
        found = [(f"found_at_{one:.0e}", points.found(one), "points") for one in TOLERANCES]
        stated: list[tuple[str, float | int | str | bool | None, str]] = [
            ("fixed_points", f"{fixed} found" if fixed else "none found", ""),
            ("slowest_q", float(points.q[0]), ""),
            *found,
        ]
        for point, kind in enumerate(points.kinds):
            stated += [
                # A point that moves is neither stable nor unstable.
                (f"stable.{point}", None if kind == "slow" else kind == "stable", ""),
                (f"kind.{point}", kind, ""),
                (f"inside.{point}", bool(points.inside[point]), ""),
                (f"reached.{point}", int(points.reached[point]), "starts"),
                (f"distance.{point}", float(points.distance[point]), ""),
            ]
        return tuple(Measure(f"{self.prefix}{name}", value, unit) for name, value, unit in stated)

    @property
    def axis(self) -> str:
        """Axis of the points of a fixed-point search: each search has its own points."""
        return f"{self.prefix}point"

    def slowness(self, visited_q: Float[np.ndarray, " states"]) -> Bars:
        """Bars of q at each point of a fixed-point search, with the kind of each point.

        Args:
            visited_q: Value of q at each visited state.
        """
        points = self.points
        kinds: Coordinates = {self.axis: [f"{at} {kind}" for at, kind in enumerate(points.kinds)]}
        measures = (
            Measure(
                f"{self.prefix}slowest_distance",
                float(points.distance[0]),
                words="distance of the slowest",
            ),
            Measure(
                f"{self.prefix}visited_q", float(visited_q.min()), words="least q of visited states"
            ),
        )
        q = self.tensor("q", (self.axis,), points.q, kinds)
        return Bars("q of each point, the slowest first", q, measures=measures)

    def states(self) -> Heatmap:
        """Heatmap of the states of slow and fixed points in the probe `dynamics`."""
        states = self.points.states
        named: Coordinates = {"entry": self.entries}
        axes = (self.axis, "entry")
        tensor = self.tensor("points", axes, states, named, colours.signed(states))
        return Heatmap("Where the points are", tensor, self.axis)

    def eigenvalues(self) -> Scatter:
        """Scatter plot of the eigenvalues in the probe `dynamics`, with the unit circle."""
        axes = (self.axis, "eigenvalue")
        real, imaginary = self.points.eigenvalues.real, self.points.eigenvalues.imag
        return Scatter(
            "Eigenvalues at the points, and the circle of magnitude 1",
            self.tensor("eigenvalues_real", axes, np.ascontiguousarray(real)),
            self.tensor("eigenvalues_imaginary", axes, np.ascontiguousarray(imaginary)),
            path=_circle(),
            equal=True,
        )

    def time_constants(self) -> Heatmap:
        """Heatmap of the time constants at the points of a fixed-point search, in steps."""
        values = self.points.time_constant
        # One infinite time constant would leave no colours for the others.
        colour = colours.signed(np.clip(values, -MAX_COLOURED_STEPS, MAX_COLOURED_STEPS))
        tensor = self.tensor("time_constants", (self.axis, "eigenvalue"), values, colour=colour)
        return Heatmap("Time constants at the points, in steps", tensor, self.axis)


@cache
def _circle() -> tuple[Tensor, Tensor]:
    """Return the unit circle of the eigenvalue plots: the same tensors for every search."""
    # A point every 5 degrees, the first again at the end to close the circle.
    turn = np.linspace(0.0, 2 * np.pi, 73)
    return (
        Tensor("circle_real", "statistic", ("angle",), np.cos(turn)),
        Tensor("circle_imaginary", "statistic", ("angle",), np.sin(turn)),
    )
