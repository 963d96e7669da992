"""Requests of the Python client that are sent again while the server refuses them for now."""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from lightwell_client.errors import LightwellError

MIN_PAUSE_S = 0.1
"""Python client: shortest pause between two attempts."""

FIRST_PAUSE_S = 1.0
"""Python client: first pause after a response without `Retry-After`; the next are each doubled."""

REPEATED = (429, 503)
"""Python client: statuses of responses after which a request is repeated."""


def send(
    http: httpx2.Client, request: httpx2.Request, *, retry_s: float, stream: bool
) -> httpx2.Response:
    """Send a request of the client, and repeat it while the response is a 429 or 503.

    Args:
        http: The client's connections.
        request: Request whose body can be sent again.
        retry_s: Most seconds of pauses, in all.
        stream: Whether the body of the response is left to be read.

    Raises:
        LightwellError: The server refuses the request.
        ConnectionError: No server listens, or its machine is not reached in time.
    """
    waited, repeats = 0.0, 0
    while True:
        try:
            response = http.send(request, stream=stream)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            message = f"No server answers at {http.base_url}; `make serve` starts one."
            raise ConnectionError(message) from error
        if response.is_success:
            return response
        # A streamed error too: its problem is in the body, and the connection is free again.
        response.read()
        pause, left = pause_s(response, repeats), retry_s - waited
        if response.status_code not in REPEATED or pause > left:
            raise LightwellError.of(response)
        lengthened = min(pause * jitter(), left)
        time.sleep(lengthened)
        waited, repeats = waited + lengthened, repeats + 1


def pause_s(response: httpx2.Response, repeats: int) -> float:
    """Return the least seconds before the client repeats a request, from `Retry-After`.

    Args:
        response: Refusal, whose header has seconds or a date (RFC 9110, section 10.2.3).
        repeats: Repeats until now.
    """
    after = retry_after_s(response)
    return max(MIN_PAUSE_S, FIRST_PAUSE_S * 2**repeats if after is None else after)


def retry_after_s(response: httpx2.Response) -> float | None:
    """Return the seconds of the header `Retry-After` of a refusal; None for the client's own."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def jitter() -> float:
    """Return a random factor of pauses, so that refused clients do not return at one moment."""
    return random.uniform(1.0, 1.25)  # noqa: S311 - spreads requests, keeps no secret
