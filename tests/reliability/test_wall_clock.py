"""Wall clock that jumps: times and deadlines come from the monotonic clock alone."""

import ast
import itertools
import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.servers import ROOT

WALL_CLOCK = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}

STAMPS = {
    "api/middleware/request_context.py",
    "api/access/signed_addresses.py",
    "api/routes/signed.py",
    "models/runtime/executable_cache.py",
}
"""Files that read the wall clock: for the time of a record in the access log, the calendar time at
which a signed address expires, and the age of files."""


def _readings(source: str) -> Iterator[str]:
    """Yield the wall-clock functions that a source file calls."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and ".".join(ast.unparse(node.func).split(".")[-2:]) in WALL_CLOCK
        ):
            yield ast.unparse(node.func)


def test_the_wall_clock_is_read_for_records_alone() -> None:
    """No deadline, timeout or queue of the server follows a clock that may jump."""
    files = [
        path for package in ("api", "models", "probes") for path in (ROOT / package).rglob("*.py")
    ]
    found = {path.relative_to(ROOT).as_posix() for path in files if [*_readings(path.read_text())]}
    assert len(files) > 200
    assert found <= STAMPS


def test_answers_do_not_change_while_the_clock_jumps(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that jumps an hour ahead or back at each reading, every answer is the same."""
    wanted = client.get("/lstm/gates?sequence=10110").content
    began, jumps = time.time(), itertools.cycle((3_600, -3_600, 0))
    monkeypatch.setattr(time, "time", lambda: began + next(jumps))
    for _ in range(20):
        answer = client.get("/lstm/gates?sequence=10110")
        assert (answer.status_code, answer.content) == (200, wanted)
