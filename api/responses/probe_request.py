"""Probe request: the probe and the query of one request to the response pipeline."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from api.responses.negotiation import PICTURES, Format
from models.architecture import Architecture
from probes.declaration import Probe
from probes.output.parts import ALL_PARTS, DRAWN_PARTS, Part

PICTURE_PARTS: frozenset[Part] = frozenset({"tensors"})

READ_PARTS = DRAWN_PARTS | {"warnings"}
"""Parts of a probe's answer that read the outputs of its program, besides the logits."""


@dataclass(frozen=True)
class ProbeRequest:
    """Probe and query of one request to the pipeline; reused for an equal request line.

    Attributes:
        model: Name of the model.
        query: The probe's parameters and the options of the response.
    """

    model: str
    probe: Probe
    query: Any

    @cached_property
    def checkpoint(self) -> str | None:
        """Name of the training checkpoint that the pipeline runs; None for the served weights."""
        return getattr(self.query, "checkpoint", None)

    @property
    def cache_key(self) -> str:
        """Cache key of a pipeline without input: all that a probe of the weights depends on."""
        names = set(self.probe.parameters.model_fields)
        parameters = self.query.model_dump_json(include=names)
        return f"{self.model} {self.probe.name} {self.checkpoint} {parameters}"

    @cached_property
    def cost_kind(self) -> int:
        """Kind of requests that take equally long: a hash of the probe and its parameters."""
        return hash(self.cache_key)

    @cached_property
    def _included(self) -> frozenset[Part]:
        """Parts of the answer that the query includes."""
        chosen = getattr(self.query, "include", None)
        return ALL_PARTS if chosen is None else frozenset(chosen)

    def parts(self, response_format: Format) -> frozenset[Part]:
        """Return the parts of the pipeline's answer; of a picture the tensors that it shows."""
        return PICTURE_PARTS if response_format in PICTURES else self._included

    @cached_property
    def _outputs(self) -> dict[tuple[Architecture, bool], frozenset[str]]:
        """Outputs that the pipeline fetches, by network; filled when they are first asked for."""
        return {}

    def outputs(
        self, architecture: Architecture, parts: frozenset[Part] = ALL_PARTS
    ) -> frozenset[str]:
        """Return the outputs that the pipeline fetches: for the probe, and the logits.

        Args:
            architecture: Network that answers.
            parts: Those of the answer.
        """
        key = architecture, bool(parts & READ_PARTS)
        if (known := self._outputs.get(key)) is None:
            named = self.probe.outputs(architecture, self.query) if key[1] else ()
            known = self._outputs[key] = frozenset((*named, "logits"))
        return known
