"""Situations in which compared servers refuse requests: warming, busy, too late, draining."""

import time
from collections.abc import Callable, Iterator, Sequence

from scripts.compare.bodies import BITS, OTHER_BITS, Material
from scripts.compare.servers import READY, Checkout, Side, pair
from scripts.compare.wire import Answer, Request, json_body, unfinished

ARRIVAL_S = 1.0  # until a server has surely begun to read a request
PREDICT = Request("predict", "GET", f"/lstm/predict?sequence={BITS}")


def named(situation: str, request: Request) -> Request:
    """Return a request whose name says in which situation of the comparison it is sent."""
    return Request(
        f"{situation}: {request.name}",
        request.method,
        request.target,
        request.headers,
        request.body,
    )


WARMING = (named("warming", READY), named("warming", PREDICT))
"""Requests in the situation `warming`: sent to a server just started, with an empty cache."""

Exchanged = tuple[Request, Answer, Answer]

BUSY_SETTINGS = {
    "MAX_REQUESTS": "1",
    "QUEUE_ROWS": "1",
    "ANALYSIS_ROWS": "1",
    "DEADLINE_S": "3",
    "DRAIN_S": "20",
}
LATE_SETTINGS = {"DEADLINE_S": "0.000001"}


def busy(checkouts: Sequence[Checkout], material: Material) -> Iterator[Exchanged]:
    """Compare servers in the situations `busy` and `draining`: limits of one request, one row."""
    with pair(checkouts, "busy", BUSY_SETTINGS) as sides:
        for side in sides:
            side.wait_until_warm(_analyses(material))
        yield from _both(sides, [named("queue full", _several("/lstm/predict"))])
        yield from _both(sides, [named("rows full", one) for one in _analyses(material)])
        yield from _each(sides, named("requests full", PREDICT), _while_occupied)
        slow = _slow("slow body")
        yield from _both(sides, [slow])
        for side in sides:
            side.terminate()
        time.sleep(ARRIVAL_S)
        live = Request("livez", "GET", "/livez")
        yield from _both(sides, [named("draining", one) for one in (live, READY, PREDICT)])


def late(checkouts: Sequence[Checkout], material: Material) -> Iterator[Exchanged]:
    """Compare servers in the situation `late`: the deadline passes before any program can run."""
    with pair(checkouts, "late", LATE_SETTINGS) as sides:
        for side in sides:
            side.wait_until_warm(())
        sequence = Request("POST predict", "POST", "/lstm/predict", *json_body({"sequence": BITS}))
        image = Request(
            "POST predict", "POST", "/cnn/predict", *json_body({"pixels": material.digits[0]})
        )
        yield from _both(sides, [named("late", one) for one in (PREDICT, sequence, image)])


def _both(sides: Sequence[Side], requests: Sequence[Request]) -> Iterator[Exchanged]:
    for request in requests:
        old, new = (side.send(request) for side in sides)
        yield request, old, new


def _each(
    sides: Sequence[Side], request: Request, send: Callable[[Side, Request], Answer]
) -> Iterator[Exchanged]:
    old, new = (send(side, request) for side in sides)
    yield request, old, new


def _while_occupied(side: Side, request: Request) -> Answer:
    """Send a request in the situation that an unfinished one holds the server's only place."""
    with unfinished(side.server.port, _slow("holder")):
        time.sleep(ARRIVAL_S)
        answer = side.send(request)
    time.sleep(ARRIVAL_S)  # until the holder's place is free again
    return answer


def _slow(name: str) -> Request:
    headers, content = json_body({"sequence": BITS})
    return Request(name, "POST", "/lstm/predict", headers, content, withheld=4)


def _several(path: str) -> Request:
    inputs = [{"sequence": BITS}, {"sequence": OTHER_BITS}, {"sequence": BITS}]
    return Request(f"POST {path} inputs", "POST", path, *json_body({"inputs": inputs}))


def _analyses(material: Material) -> list[Request]:
    """Return requests for the situation `rows full`: two analyses at once; the limit is one row."""
    images = {"inputs": [{"pixels": one} for one in material.digits[:2]]}
    sweep = Request("POST sweep inputs", "POST", "/cnn/sweep", *json_body(images))
    return [sweep, _several("/lstm/attribution")]
