"""Time series of the metrics under hostile methods, paths and agents."""

from collections.abc import Iterator

from starlette.testclient import TestClient

from tests.fuzz.mutation import MARK, seeded

METHODS = ("GET", "POST", "PUT", "PURGE", "OPTIONS", "DELETE", "TRACE", "PATCH", "X" * 60)
PATHS = ("/", "/livez", "/models/", "/cnn/", "/lstm/predict", "/samples/", "/static/", "//", "/v2/")


def _series(client: TestClient) -> int:
    lines = client.get("/metrics").text.splitlines()
    return sum(not line.startswith("#") for line in lines)


def _hostile(seed: int, count: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    random = seeded(seed)
    for number in range(count):
        method = random.choice(METHODS) if random.random() < 0.8 else f"M{number}"
        path = f"{random.choice(PATHS)}{random.choice(('', f'x{number}', MARK))}?q={number}"
        yield method, path, {"User-Agent": f"agent-{number}", "X-Request-ID": f"id-{number}"}


def test_hostile_requests_make_no_new_series(client: TestClient) -> None:
    """After the first 1,000 hostile requests, others of new names add no time series."""
    assert _series(client) > 0
    for method, path, headers in _hostile(1, 1_000):
        client.request(method, path, headers=headers)
    before = _series(client)
    for method, path, headers in _hostile(2, 300):
        client.request(method, path, headers=headers)
    assert _series(client) == before
    assert MARK not in client.get("/metrics").text
