"""Estimates of the time that a request will take, learned from earlier requests of its kind."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

SMOOTHING: Final = 0.3
"""Weight of a new measurement in an estimate."""

MAX_KINDS: Final = 4096
"""Most kinds of requests that have an estimate; the one learned longest ago is left out."""


class Cost(NamedTuple):
    """Time that a request takes: of the device, and of CPU threads, in seconds."""

    device_s: float
    cpu_s: float

    def scaled(self, factor: float) -> "Cost":
        """Return the cost of a request that takes some times as long."""
        return Cost(factor * self.device_s, factor * self.cpu_s)


UNKNOWN_ROW: Final = Cost(0.0003, 0.00005)
"""Estimated cost of a row where nothing has been learned: about that of the shipped networks.

On two processors rows of occlusion, sweeps and findings take 0.2 to 0.5 ms. A higher estimate would
refuse what the page asks at once when a server has just started.
"""

UNKNOWN_REQUEST: Final = Cost(0.0, 0.1)
"""Estimated cost of a request besides its rows, where nothing has been learned."""


class Estimates:
    """Estimated costs of requests by kind, for each row: smoothed costs of those that ended."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Hashable, Cost] = OrderedDict()

    def cost(self, kinds: Sequence[Hashable], rows: int) -> Cost:
        """Estimate the cost of a request.

        Args:
            kinds: Kinds to which it belongs, the narrowest first: the first one known counts.
            rows: Number of its rows.
        """
        known = next((self._rows[kind] for kind in kinds if kind in self._rows), None)
        if known is not None:
            return known.scaled(rows)
        of_rows = UNKNOWN_ROW.scaled(rows)
        return Cost(of_rows.device_s, of_rows.cpu_s + UNKNOWN_REQUEST.cpu_s)

    def learn(self, kinds: Sequence[Hashable], rows: int, cost: Cost) -> None:
        """Learn the estimates of some kinds from the cost of a request that has ended."""
        found = cost.scaled(1 / max(1, rows))
        for kind in kinds:
            known = self._rows.get(kind, found)
            self._rows[kind] = Cost(
                known.device_s + SMOOTHING * (found.device_s - known.device_s),
                known.cpu_s + SMOOTHING * (found.cpu_s - known.cpu_s),
            )
            self._rows.move_to_end(kind)
        while len(self._rows) > MAX_KINDS:
            self._rows.popitem(last=False)
