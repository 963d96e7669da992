"""Asking: base of the Python client's methods for single probes."""

from typing import Any

from lightwell_client.answers import Answer


class Asking:
    """Python client: probes of the shipped network of a kind, or of the network that is named."""

    def ask(self, model: str, probe: str, given: Any = None, **parameters: Any) -> Any:
        """Ask the server for any probe; `Lightwell` has the implementation."""
        raise NotImplementedError

    def _ask(
        self, shipped: str, probe: str, given: Any = None, model: str | None = None, **more: Any
    ) -> Any:
        """Ask the server for a probe of the shipped network of its kind, or of another `model`."""
        return self.ask(model or shipped, probe, given, **more)

    def _answer_of(self, shipped: str, probe: str, **more: Any) -> Answer:
        """Ask the server for a probe of the weights, in the Python client."""
        answer: Answer = self._ask(shipped, probe, **more)
        return answer
