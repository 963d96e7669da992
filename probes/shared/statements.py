"""Six statements about the two networks, and how each is measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from probes.figures.figures import Figure, Measure, Panels


@dataclass(frozen=True)
class Statement:
    """Statement about a network, with its measurement and its threshold.

    Attributes:
        model: Name of the model.
        key: Name of the statement in requests.
        text: The statement.
        measured: Quantity that is measured, and the result that would refute the statement.
        unit: Unit of the value.
        least: Smallest value that supports the statement.
    """

    model: Literal["cnn", "lstm"]
    key: str
    text: str
    measured: str
    unit: str
    least: float

    @property
    def request(self) -> str:
        """Path of the request that measures the statement."""
        return f"/{self.model}/findings?finding={self.key}"

    @property
    def picture(self) -> str:
        """Path of the PNG that draws the measurement of a statement."""
        return f"/{self.model}/findings.png?finding={self.key}"


STATEMENTS: Mapping[str, Statement] = {
    one.key: one
    for one in (
        Statement(
            "cnn",
            "edges_to_patterns",
            "Features go from edges to patterns.",
            "Share of sample images nearest to the mean of their own digit, in relu4 minus that "
            "in the pixels, provided that the first filters are edges and lines: at least 94 % of "
            "their energy is outside of their mean (8/9 for a random filter).",
            "share of images",
            0.1,
        ),
        Statement(
            "cnn",
            "filters_specialise",
            "Filters specialise.",
            "Class selectivity of the channels of relu3, (most - rest) / (most + rest) of their "
            "mean activation by digit, as a multiple of that with random weights.",
            "times",
            2.0,
        ),
        Statement(
            "cnn",
            "space_is_kept",
            "Spatial relations are kept.",
            "Correlation of the maps of relu3 with those of the picture shifted by 4 pixels, "
            "shifted back by 1 position. It follows from the convolutions, and holds with random "
            "weights too.",
            "correlation",
            0.9,
        ),
        Statement(
            "lstm",
            "gates_decide",
            "Gates decide what is remembered.",
            "Runs are computed again with the gates of a run on another sequence and their own "
            "candidates. A line, fitted on unedited runs, reads the margin from the cell state: "
            "share of the variance of that reading that follows the sequence of the gates, rather "
            "than that of the candidate.",
            "share of variance",
            0.7,
        ),
        Statement(
            "lstm",
            "cell_remembers",
            "The cell state holds long-term memory.",
            "Two runs with different first halves exchange the cell state half way and keep their "
            "hidden states. Share of the answers, 32 steps later, that follow the first half of "
            "the cell state's run, not of the hidden state's; one half by chance. Unedited answers "
            "must be right in 75 %.",
            "share of answers",
            0.6,
        ),
        Statement(
            "lstm",
            "hidden_encodes_context",
            "The hidden state encodes context.",
            "R² of a line, fitted on other sequences, that reads the margin from the hidden state "
            "in states with a margin of -2 to 2, after the first 16 steps.",
            "R²",
            0.6,
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Measurement:
    """Measurement of a statement: value, values of reference networks, and figures.

    Attributes:
        value: Measured value, compared with the statement's `least`.
        references: The same quantity measured on each reference network, which has not learned.
        figures: Figures of the measurement.
        also: Whether the statement's further condition holds.
        columns: Number of figures in a row.
        why: Sentence that explains a statement that is not supported, or the part of it that
            follows from the architecture; empty where there is nothing to explain.
    """

    value: float
    references: tuple[float, ...]
    figures: tuple[Figure, ...]
    also: bool = True
    columns: int = 1
    why: str = ""

    @property
    def reference(self) -> float:
        """Mean of the reference networks' values of a statement."""
        return fmean(self.references)

    def supports(self, least: float) -> bool:
        """Whether the value reaches a statement's `least` by learning, not by the architecture."""
        # `also` is a condition that the measured value cannot express.
        learned = self.value > max(self.references) and not self.architectural(least)
        return self.also and learned and self.value >= least

    def architectural(self, least: float) -> bool:
        """Whether every reference network reaches a statement's `least` too, without training."""
        return min(self.value, *self.references) >= least


def panel(key: str, measured: Measurement) -> Panels:
    """Figure of a statement: the text, the numbers as measures, and the figures."""
    statement = STATEMENTS[key]
    unit, least = statement.unit, statement.least
    measures = (
        Measure(f"{key}.value", measured.value, unit),
        Measure(f"{key}.reference", measured.reference, unit),
        Measure(f"{key}.reference_low", min(measured.references), unit),
        Measure(f"{key}.reference_high", max(measured.references), unit),
        Measure(f"{key}.references", len(measured.references), "networks"),
        Measure(f"{key}.least", least, unit),
        Measure(f"{key}.supported", measured.supports(least)),
        Measure(f"{key}.architectural", measured.architectural(least)),
        Measure(f"{key}.why", measured.why),
    )
    return Panels(statement.text, measured.figures, measured.columns, measures)


def panels(findings: Iterable[tuple[str, Measurement]]) -> Panels:
    """Figure of several measured statements, one below the other."""
    return Panels("Findings", tuple(panel(key, measured) for key, measured in findings))
