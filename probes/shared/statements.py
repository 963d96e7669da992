"""Six statements about what happens inside the two networks, and how each is put to the test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from probes.figures.figures import Figure, Measure, Panels


@dataclass(frozen=True)
class Statement:
    """What is said of a network, before it is measured.

    Attributes:
        model: Whose inside it is about.
        key: Its name in requests.
        text: The statement.
        measured: What is measured, and what would refute it.
        unit: Of the value.
        least: The value from which on the statement is supported.
    """

    model: Literal["cnn", "lstm"]
    key: str
    text: str
    measured: str
    unit: str
    least: float

    @property
    def request(self) -> str:
        """The path that measures it again."""
        return f"/{self.model}/findings?finding={self.key}"

    @property
    def picture(self) -> str:
        """The path of its picture."""
        return f"/{self.model}/findings.png?finding={self.key}"


STATEMENTS: Mapping[str, Statement] = {
    one.key: one
    for one in (
        Statement(
            "cnn",
            "edges_to_patterns",
            "Features go from edges to patterns.",
            "How many more test images are next to the mean of their own digit in relu4 than in "
            "the picture itself, while the first filters are edges and lines: at least 94 % of "
            "their energy is not in their mean (8/9 of a random filter's is not).",
            "share of images",
            0.1,
        ),
        Statement(
            "cnn",
            "filters_specialise",
            "Filters specialise.",
            "Class selectivity of the channels of relu3, (most - rest) / (most + rest) of their "
            "mean activation by digit, as a multiple of what the same network has with weights "
            "drawn anew.",
            "times",
            2.0,
        ),
        Statement(
            "cnn",
            "space_is_kept",
            "Spatial relations are kept.",
            "Correlation of the maps of relu3 with those of the picture moved by 4 pixels, when "
            "they are moved back by 1 place. The convolutions see to that, whatever was learned: "
            "it holds with weights drawn anew too.",
            "correlation",
            0.9,
        ),
        Statement(
            "lstm",
            "gates_decide",
            "Gates decide what is remembered.",
            "Accuracy that is lost on sequences that one bit decides when all three gates stand "
            "still, each unit's at its mean over held-out sequences.",
            "accuracy",
            0.1,
        ),
        Statement(
            "lstm",
            "cell_remembers",
            "The cell state holds long-term memory.",
            "Accuracy that is lost on sequences that one bit decides when the cell state is wiped "
            "half way, less what is lost when the hidden state is.",
            "accuracy",
            0.1,
        ),
        Statement(
            "lstm",
            "hidden_encodes_context",
            "The hidden state encodes context.",
            "How often a straight line through the hidden state alone, fitted to other sequences, "
            "tells whether there were more ones so far, at the steps that one bit decides; chance "
            "is a half.",
            "accuracy",
            0.9,
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Found:
    """What a measurement came to.

    Attributes:
        value: What is held against the statement's `least`.
        reference: The same with weights drawn anew, or by chance.
        figures: What it looks like.
        columns: How many of the figures stand side by side.
        also: Whether what the statement asks for beside the value is so.
    """

    value: float
    reference: float
    figures: tuple[Figure, ...]
    also: bool = True
    columns: int = 1


def panel(key: str, found: Found) -> Panels:
    """Put a statement, the numbers and the picture together."""
    statement = STATEMENTS[key]
    supported = found.also and found.value >= statement.least
    measures = (
        Measure(f"{key}.value", found.value, statement.unit),
        Measure(f"{key}.reference", found.reference, statement.unit),
        Measure(f"{key}.least", statement.least, statement.unit),
        Measure(f"{key}.supported", supported),
    )
    return Panels(statement.text, found.figures, found.columns, measures)


def panels(findings: Iterable[tuple[str, Found]]) -> Panels:
    """Put several findings under one another."""
    return Panels("Findings", tuple(panel(key, found) for key, found in findings))
