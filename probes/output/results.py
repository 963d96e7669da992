"""Results of probes before they are encoded: tensors and measures by name, and all else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from probes.figures.figures import (
    Bars,
    Figure,
    Panels,
    Slides,
    Tensor,
    finite,
    measures,
    tensors,
)
from probes.output.figure_layout import layout
from probes.output.parts import Part

Describe = Callable[[Tensor], dict[str, Any]]
"""Function that returns the entry of a tensor in an answer to be encoded."""


@dataclass(frozen=True)
class ProbeResult:
    """Result of a probe for one input, before it is encoded.

    Attributes:
        head: Fields before the tensors: model, weights and, with an input, `input` and
            `prediction`.
        figure: Figure of the probe.
        warnings: `{code, message}` of each warning.
        answer: Draws the figure of the network's answer, which only a picture has; None without an
            input.
    """

    head: Mapping[str, Any]
    figure: Figure
    warnings: tuple[Mapping[str, str], ...] = ()
    answer: Callable[[], Bars] | None = None

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Tensors to encode of a probe result's figure, by name."""
        return {tensor.name: tensor for tensor in tensors(self.figure)}

    @property
    def picture(self) -> Figure:
        """Figure that a picture of a probe result shows: with the answer at its end."""
        answer = None if self.answer is None else self.answer()
        if answer is None or answer.tensor.name in self.tensors:
            return self.figure
        if isinstance(self.figure, Panels):
            return replace(self.figure, figures=(*self.figure.figures, answer))
        return Panels(self.figure.title, (replace(self.figure, title=""), answer))

    def document(self, parts: frozenset[Part], describe: Describe) -> dict[str, Any]:
        """Return the JSON document of a probe result, to be encoded.

        Args:
            parts: Those that it has, besides its head.
            describe: Returns the entry of one tensor.
        """
        found = dict(self.head)
        if parts & {"tensors", "stats"}:
            found["tensors"] = [describe(tensor) for tensor in self.tensors.values()]
        if "measures" in parts:
            found["measures"] = [
                {"name": one.name, "value": one.value, "unit": one.unit}
                for one in measures(self.figure)
            ]
        if "figure" in parts:
            found["figure"] = layout(self.figure)
        if "warnings" in parts:
            has_values = "tensors" in parts
            non_finite = _non_finite(found["tensors"], self.tensors) if has_values else ()
            found["warnings"] = [*self.warnings, *non_finite]
        return found


@dataclass(frozen=True)
class ProbeResults:
    """Results of a probe for several inputs of one request, before they are encoded.

    Attributes:
        head: Common fields: model and weights.
        answers: Result of each input in order, without the common fields.
    """

    head: Mapping[str, Any]
    answers: tuple[ProbeResult, ...]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Tensors to encode of several inputs' probe results, by name: `answers.0.relu1`."""
        return {
            f"answers.{index}.{name}": tensor
            for index, answer in enumerate(self.answers)
            for name, tensor in answer.tensors.items()
        }

    @property
    def picture(self) -> Slides:
        """Slides of several inputs' probe results, whose titles have the input's index."""
        figures = (one.picture for one in self.answers)
        named = (replace(one, title=f"Input {at}: {one.title}") for at, one in enumerate(figures))
        return Slides("", tuple(named))

    def document(self, parts: frozenset[Part], describe: Describe) -> dict[str, Any]:
        """Return the JSON document of several inputs' probe results, to be encoded."""
        return {**self.head, "answers": [one.document(parts, describe) for one in self.answers]}


def _non_finite(
    described: list[dict[str, Any]], values: Mapping[str, Tensor]
) -> list[dict[str, str]]:
    """Return a warning for each encoded tensor with NaN or infinity, which JSON cannot hold."""
    text = "{} holds values that are not finite: null in JSON, exact in NPZ and safetensors."
    return [
        {"code": "non-finite", "message": text.format(one["name"])}
        for one in described
        if not (one["stats"].finite if "stats" in one else _is_finite(values[one["name"]]))
    ]


def _is_finite(tensor: Tensor) -> bool:
    flat = tensor.values.reshape(-1)
    return finite(flat)[0].size == flat.size
