"""Start queue: which of the requests that arrive together begin, and when."""

import asyncio

from api.server.start_queue import STARTED_AT_ONCE, StartQueue


def started(*requests: tuple[str, str]) -> list[list[tuple[str, str]]]:
    """Add requests, as address and path, at once; return those that began in each iteration."""

    async def run() -> list[list[tuple[str, str]]]:
        queue, began, iterations = StartQueue(), list[tuple[str, str]](), []
        for address, path in requests:
            queue.add(address, path, lambda one=(address, path): began.append(one))
        for _ in requests:
            iterations.append(began.copy())
            began.clear()
            await asyncio.sleep(0)
        return [one for one in iterations if one]

    return asyncio.run(run())


def test_the_first_requests_begin_at_once() -> None:
    """Without others before them they wait for nothing."""
    requests = [("a", f"/{number}") for number in range(STARTED_AT_ONCE)]
    assert started(*requests) == [requests]


def test_others_begin_some_in_each_iteration_in_their_order() -> None:
    """Those of one address in the order in which they came, none twice."""
    requests = [("a", f"/{number}") for number in range(3 * STARTED_AT_ONCE)]
    found = started(*requests)
    assert [len(one) for one in found] == [STARTED_AT_ONCE] * 3
    assert [request for one in found for request in one] == requests


def test_addresses_take_turns() -> None:
    """A request of another address begins in the next iteration, however many wait before it."""
    requests = [("a", f"/{number}") for number in range(5 * STARTED_AT_ONCE)]
    found = started(*requests, ("b", "/predict"))
    assert ("b", "/predict") in found[1]


def test_a_health_check_does_not_wait_for_its_own_address() -> None:
    """Behind a proxy all requests have one address."""
    requests = [("a", f"/{number}") for number in range(5 * STARTED_AT_ONCE)]
    found = started(*requests, ("a", "/livez"))
    assert ("a", "/livez") in found[1]
