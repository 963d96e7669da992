"""Whether short requests wait for long ones: predictions alone, and beside long sequences."""

from threading import Event, Thread
from typing import NamedTuple

from scripts.bench.contestants import Contestant
from scripts.bench.load import Load, Window
from scripts.bench.processes import Server
from scripts.bench.works import works

LONG = "gates-1000"
PER_SECOND = 100.0
SECONDS = 5.0


class Waits(NamedTuple):
    """The 99th percentile of a prediction's time, in seconds."""

    idle_s: float
    beside_s: float


def waits(server: Server, contestant: Contestant) -> Waits:
    """Ask for predictions, alone and while another client asks for one long sequence at a time."""
    idle = _predictions(server, contestant).p99_s
    stop = Event()
    other = Thread(target=_long, args=(server, contestant, stop))
    other.start()
    try:
        return Waits(idle, _predictions(server, contestant).p99_s)
    finally:
        stop.set()
        other.join()


def _predictions(server: Server, contestant: Contestant) -> Window:
    """Ask at even intervals, so that nobody waits for a prediction before."""
    moments = [index / PER_SECOND for index in range(int(PER_SECOND * SECONDS))]
    with Load(server.port, contestant.requests(works()["predict"]), 8) as load:
        load.open(moments[: int(PER_SECOND)], 1.0, 1.0)
        return load.open(moments, SECONDS, 1.0).windows(1)[0]


def _long(server: Server, contestant: Contestant, stop: Event) -> None:
    """Ask for one long sequence after the other."""
    with Load(server.port, contestant.requests(works()[LONG]), 1) as load:
        while not stop.is_set():
            load.closed(0.2, 1, 5.0)
        load.drain(5.0)
