"""One cell of the table: one contestant, one work, one load; answers checked, then time taken.

A cell is made of turns of one window each. Between two of its turns come those of the others, so
that whatever else the machine does meets all whose figures are compared.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from scripts.bench.contestants import Contestant
from scripts.bench.load import OK, Load, Window, poisson
from scripts.bench.processes import Server
from scripts.bench.works import Arrays, Work, WrongAnswerError, check

TURNS = 3
WARM_UP_S = 0.3
STEADY = 0.1
"""Windows whose throughputs lie further apart than this share of their median are marked."""

OPEN_CONNECTIONS = 128
SLOWEST = 6
"""A closed loop may last so many times its window, until a slow server has answered everybody."""


@dataclass(frozen=True)
class Cell:
    """A figure of the table: the window with the median throughput, and what the run cost.

    Attributes:
        concurrency: Requests under way at once; None in an open loop.
        rate: Requests per second that come, in an open loop.
        spread: How far the windows' throughputs lie apart, as a share of their median.
        cpu_s: The server's processor time for each good answer, over all turns.
        memory_bytes: Resident after the last turn.
    """

    contestant: str
    work: str
    concurrency: int | None
    rate: float | None
    window: Window
    spread: float
    cpu_s: float
    memory_bytes: int

    @property
    def steady(self) -> bool:
        """Whether the windows agree."""
        return self.spread <= STEADY

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Turn(NamedTuple):
    """One window, the processor seconds that the server took for it, and what it holds then."""

    window: Window
    cpu_s: float
    memory_bytes: int


def closed_loop(
    server: Server, contestant: Contestant, work: Work, concurrency: int, window_s: float
) -> Turn:
    """Measure with so many clients, each of which asks again as soon as it is answered."""
    with Load(server.port, contestant.requests(work), concurrency) as load:
        load.closed(WARM_UP_S, concurrency, SLOWEST * window_s)
        before = server.cpu_s()
        run = load.closed(window_s, concurrency, SLOWEST * window_s)
        cpu_s = server.cpu_s() - before
        load.drain(SLOWEST * window_s)
    return Turn(run.windows(1)[0], cpu_s, server.memory_bytes())


def open_loop(
    server: Server, contestant: Contestant, work: Work, rate: float, window_s: float, seed: int
) -> Turn:
    """Measure with strangers who come when they come, so many a second on average."""
    with Load(server.port, contestant.requests(work), OPEN_CONNECTIONS) as load:
        load.open(poisson(rate, WARM_UP_S, seed=0), WARM_UP_S, 0.5)
        load.drain(SLOWEST * window_s)
        before = server.cpu_s()
        run = load.open(poisson(rate, window_s, seed), window_s, 1.0)
        cpu_s = server.cpu_s() - before
    server.settle()
    return Turn(run.windows(1)[0], cpu_s, server.memory_bytes())


def check_answers(
    server: Server, contestant: Contestant, work: Work, right: Sequence[Arrays], concurrency: int
) -> None:
    """Ask every input side by side, and compare each answer with our own program's.

    Raises:
        WrongAnswerError: One is missing or wrong.
    """
    requests = contestant.requests(work)
    with Load(server.port, requests, min(concurrency, len(requests)), keep=True) as load:
        found = load.collect(len(requests), patience_s=60)
    for number, ((status, body), expected) in enumerate(zip(found, right, strict=True)):
        if status != OK:
            msg = (
                f"input {number} was answered with {status}: {body[:200].decode(errors='replace')}"
            )
            raise WrongAnswerError(msg)
        check(contestant.read(body), expected)


def cell_of(contestant: str, work: str, load: int | float, turns: Sequence[Turn]) -> Cell:
    """Sum up the turns of a cell; its load is a number of clients, or a rate."""
    windows = sorted((turn.window for turn in turns), key=lambda window: window.per_second)
    middle = windows[len(windows) // 2]
    apart = windows[-1].per_second - windows[0].per_second
    answered = sum(window.answers for window in windows)
    return Cell(
        contestant=contestant,
        work=work,
        concurrency=load if isinstance(load, int) else None,
        rate=None if isinstance(load, int) else load,
        window=middle,
        spread=apart / middle.per_second if middle.per_second else math.nan,
        cpu_s=sum(turn.cpu_s for turn in turns) / answered if answered else math.nan,
        memory_bytes=turns[-1].memory_bytes,
    )
