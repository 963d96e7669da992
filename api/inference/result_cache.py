"""Result cache: outputs of runs that depend on the weights alone, and not on an input."""

from models.runtime.programs import Outputs

MAX_RESULTS = 64


class ResultCache:
    """Result cache of the latest runs about the weights alone; the oldest is evicted first."""

    def __init__(self) -> None:
        self._results: dict[str, Outputs] = {}

    def get(self, key: str) -> Outputs | None:
        """Outputs of a run in the result cache; None where there are none."""
        return self._results.get(key)

    def add(self, key: str, outputs: Outputs) -> None:
        """Add the outputs of a run to the result cache."""
        self._results[key] = outputs
        while len(self._results) > MAX_RESULTS:
            del self._results[next(iter(self._results))]
