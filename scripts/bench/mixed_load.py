"""Mixed load: latency of predictions while another client requests long sequences."""

from threading import Event, Thread
from typing import NamedTuple

from scripts.bench.load import Load, Window
from scripts.bench.processes import Server
from scripts.bench.systems import System
from scripts.bench.workloads import workloads

LONG = "gates-1000"
PER_SECOND = 100.0
SECONDS = 5.0


class PredictionP99(NamedTuple):
    """99th percentile of a prediction's latency in seconds, idle and under mixed load."""

    idle_p99_s: float
    mixed_load_p99_s: float


def prediction_p99(server: Server, system: System) -> PredictionP99:
    """Measure predictions alone, then under mixed load: another client sends long sequences."""
    idle = _predictions(server, system).p99_s
    stop = Event()
    other = Thread(target=_request_long, args=(server, system, stop))
    other.start()
    try:
        return PredictionP99(idle, _predictions(server, system).p99_s)
    finally:
        stop.set()
        other.join()


def _predictions(server: Server, system: System) -> Window:
    """Send the mixed load's predictions at even intervals, so that none queues behind another."""
    moments = [index / PER_SECOND for index in range(int(PER_SECOND * SECONDS))]
    with Load(server.port, system.requests(workloads()["predict"]), 8) as load:
        load.open(moments[: int(PER_SECOND)], 1.0, 1.0)
        return load.open(moments, SECONDS, 1.0).windows(1)[0]


def _request_long(server: Server, system: System, stop: Event) -> None:
    """Request the mixed load's long sequences, one at a time, until the event is set."""
    with Load(server.port, system.requests(workloads()[LONG]), 1) as load:
        while not stop.is_set():
            load.closed(0.2, 1, 5.0)
        load.drain(5.0)
