"""Expositions that workers leave in a folder, and ask each other for."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from api.workers import metrics_folder
from api.workers.metrics_folder import MetricsFolder, create_folder, retire


class Counter:
    """Substitute for the metrics of a worker: one counter and one gauge."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self) -> bytes:
        """Exposition of the value."""
        return b"# TYPE c counter\nc %d\n# TYPE g gauge\ng %d\n" % (self.value, self.value)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Folder whose path is short enough for sockets."""
    with TemporaryDirectory(prefix="lw-") as name:
        yield Path(name)


def member(folder: Path, slot: int, counter: Counter) -> MetricsFolder:
    """The folder as one of several workers sees it, all of which are in this process."""
    found = MetricsFolder(folder, slot, counter)
    found._name = f"{slot}-{100 + slot}"
    return found


def test_a_worker_answers_for_all(folder: Path) -> None:
    """Counters are the sum of what all have counted until then; gauges have the worker."""

    async def scenario() -> list[bytes]:
        counters = [Counter(1), Counter(20)]
        members = [member(folder, slot, one) for slot, one in enumerate(counters)]
        for one in members:
            await one.start()
        found = [await members[0].joined()]
        counters[1].value = 30
        found += [await one.joined() for one in members]
        for one in members:
            one.stop()
        return found

    first, *later = asyncio.run(scenario())

    assert first == b'# TYPE c counter\nc 21\n# TYPE g gauge\ng{worker="0"} 1\ng{worker="1"} 20\n'
    assert [b"\nc 31\n" in one for one in later] == [True, True]


def test_counts_of_an_ended_worker_stay(folder: Path) -> None:
    """They are in the sum before and after the supervisor has noticed the end, once."""

    async def scenario() -> list[bytes]:
        own, other = member(folder, 0, Counter(1)), member(folder, 1, Counter(20))
        await own.start()
        await other.start()
        await own.joined()
        assert other._server is not None
        other._server.close()
        await other._server.wait_closed()
        found = [await own.joined()]
        retire(folder, "1-101")
        found += [await own.joined()]
        successor = member(folder, 1, Counter(300))
        successor._name = "1-999"
        await successor.start()
        found += [await own.joined()]
        retire(folder, "1-999")
        found += [await own.joined()]
        successor.stop()
        own.stop()
        return found

    found = asyncio.run(scenario())

    assert [one.split(b"\n")[1] for one in found] == [b"c 21", b"c 21", b"c 321", b"c 321"]
    assert [one.count(b"g{") for one in found] == [1, 1, 2, 1]


def test_a_worker_that_hangs_keeps_no_other_waiting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last counts are used where it does not answer in time."""
    monkeypatch.setattr(metrics_folder, "ASKED_S", 0.05)

    async def scenario() -> bytes:
        own, other = member(folder, 0, Counter(1)), member(folder, 1, Counter(20))
        await own.start()
        other._written()
        ended, closed = asyncio.Event(), asyncio.Event()

        async def silent(_: object, writer: asyncio.StreamWriter) -> None:
            await ended.wait()
            writer.close()
            closed.set()

        server = await asyncio.start_unix_server(silent, str(folder / "1-101.socket"))
        found = await own.joined()
        ended.set()
        await closed.wait()
        own.stop()
        server.close()
        return found

    assert b'c 21\n# TYPE g gauge\ng{worker="0"} 1\ng{worker="1"} 20\n' in asyncio.run(scenario())


def test_a_worker_that_has_counted_nothing_can_end(folder: Path) -> None:
    """Nothing of it is left, and nothing is missed."""
    retire(folder, "3-103")

    assert sorted(one.name for one in folder.iterdir()) == ["ended.prom", "lock"]


def test_the_folder_is_private_and_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other user may read metrics; a long name of the parent does not matter."""
    long = tmp_path / ("long" * 40)
    long.mkdir()
    monkeypatch.setattr(metrics_folder.tempfile, "gettempdir", lambda: str(long))

    with create_folder() as name:
        assert len(name) < 80
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o700
    assert not Path(name).exists()
