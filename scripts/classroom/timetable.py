"""Timetable of a simulated class: which student sends which request at which time."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from scripts.bench.load import poisson
from scripts.classroom.requests import PICTURES, Kind

STROKE_S = 0.6
"""Duration of a classroom stroke: from its first view to the request for its exact values."""

DRAWINGS_EACH = 20
"""Drawings between the first ones of two students of the class."""

VIEW_S = 0.1
"""Seconds between two views of a growing stroke of the class: an answer, and 60 ms of the page."""


class Due(NamedTuple):
    """Request of the classroom that is due at a time, in seconds from the start.

    Attributes:
        variant: Number that chooses one of the requests of the kind.
    """

    moment: float
    student: int
    kind: Kind
    variant: int


@dataclass(frozen=True)
class Lesson:
    """Lesson of the simulated class: activities that each student repeats until its end.

    Attributes:
        students: Number of students.
        seconds: Duration of the whole run.
        stroke_every_s: Mean time between two strokes of a student (Poisson).
        views: Requests of a stroke while it grows.
        steps_per_s: Steps of the LSTM's trace that a student follows in a second.
        drawing_s, pictures_s, stepping_s: Durations of the three activities.
        spread: Whether students are at different activities; otherwise all change together.
    """

    students: int = 200
    seconds: float = 120.0
    stroke_every_s: float = 4.0
    views: int = 1
    steps_per_s: float = 1.0
    drawing_s: float = 20.0
    pictures_s: float = 10.0
    stepping_s: float = 10.0
    spread: bool = False
    seed: int = 1

    @property
    def cycle_s(self) -> float:
        """Duration of one round of the lesson's three activities."""
        return self.drawing_s + self.pictures_s + self.stepping_s

    def timetable(self) -> list[Due]:
        """Draw the requests of all students, ordered by time; equal for an equal lesson."""
        everyone = (one for student in range(self.students) for one in self._of(student))
        return sorted(one for one in everyone if 0 <= one.moment < self.seconds)

    def _of(self, student: int) -> Iterator[Due]:
        generator = random.Random(self.seed * 100_003 + student)  # noqa: S311 - repeatable
        start = -generator.uniform(0, self.cycle_s) if self.spread else 0.0
        drawings = itertools.count(DRAWINGS_EACH * student)
        while start < self.seconds:
            for after, kind, variant in self._cycle(generator, drawings):
                yield Due(start + after, student, kind, variant)
            start += self.cycle_s

    def _cycle(
        self, generator: random.Random, drawings: Iterator[int]
    ) -> Iterator[tuple[float, Kind, int]]:
        """Yield the requests of one student's round: seconds from its start, kind, and variant."""
        drawn = next(drawings)
        for moment in poisson(
            1 / self.stroke_every_s, self.drawing_s, generator.randrange(1 << 30)
        ):
            # Each view of a growing stroke is another drawing; the last one is that of the values.
            for view in range(self.views):
                drawn = next(drawings)
                yield moment + VIEW_S * view, "stroke", drawn
            yield moment + max(STROKE_S, VIEW_S * self.views), "values", drawn
        looks = sorted(generator.uniform(0, self.pictures_s) for _ in PICTURES)
        for moment, kind in zip(looks, PICTURES, strict=True):
            yield self.drawing_s + moment, kind, drawn
        for moment, kind in self._stepping(self.drawing_s + self.pictures_s, generator):
            yield moment, kind, generator.randrange(1 << 16)

    def _stepping(self, start: float, generator: random.Random) -> Iterator[tuple[float, Kind]]:
        opened = start + generator.uniform(0, 1 / self.steps_per_s)
        yield opened, "trace"
        yield opened, "decomposition"
        for number in range(int(self.stepping_s * self.steps_per_s)):
            yield opened + number / self.steps_per_s, "step"
