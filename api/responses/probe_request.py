"""Probe request: the probe and the query of one request to the response pipeline."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.architecture import Architecture
from probes.declaration import Probe


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
    def _outputs(self) -> dict[Architecture, frozenset[str]]:
        """Outputs that the pipeline fetches, by network; filled when they are first asked for."""
        return {}

    def outputs(self, architecture: Architecture) -> frozenset[str]:
        """Return the outputs that the pipeline fetches: for the probe, and the logits."""
        if (known := self._outputs.get(architecture)) is None:
            named = self.probe.outputs(architecture, self.query)
            known = self._outputs[architecture] = frozenset((*named, "logits"))
        return known
