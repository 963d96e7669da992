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
            "Patterns: how much more often, in relu3 than in pool1, two sample images of one digit "
            "are more similar than images of two digits. Edges: the channels of conv2 must be more "
            "tuned to the orientation of gratings than with permuted weights, by 0.05 at least. "
            "Use: permuted convolutions must cost 0.3 of accuracy. Reference networks have "
            "permuted or redrawn convolutions.",
            "share of pairs",
            0.06,
        ),
        Statement(
            "cnn",
            "filters_specialise",
            "Filters specialise.",
            "Interchange: how much more often the answer becomes another image's digit when the "
            "quarter of the channels of relu3 that is most selective for either digit comes from "
            "that image than when as many random channels do. Also, channels must be more "
            "selective, by 0.04 at least, than those of random convolutions for a favourite digit "
            "that other images chose. References are draws of random channels.",
            "share of answers",
            0.1,
        ),
        Statement(
            "cnn",
            "space_is_kept",
            "Spatial relations are kept.",
            "Share of the variance of an image's displacement that a linear readout of relu3, "
            "fitted to other images, explains; learned only if random convolutions explain less "
            "than needed. Reference networks have redrawn convolutions.",
            "R²",
            0.5,
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
            "in states with a margin of −2 to 2, after the first 16 steps.",
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
        references: The same quantity of each reference network, which has not learned, or of each
            random draw.
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
        # Without the rounding error of a mean of differences that cancel.
        return round(fmean(self.references), 12)

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
        Measure(f"{key}.references", len(measured.references)),
        Measure(f"{key}.least", least, unit),
        Measure(f"{key}.supported", measured.supports(least)),
        Measure(f"{key}.architectural", measured.architectural(least)),
        Measure(f"{key}.why", measured.why),
    )
    return Panels(statement.text, measured.figures, measured.columns, measures)


def panels(findings: Iterable[tuple[str, Measurement]]) -> Panels:
    """Figure of several measured statements, one below the other."""
    return Panels("Findings", tuple(panel(key, measured) for key, measured in findings))
