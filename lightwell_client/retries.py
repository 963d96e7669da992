"""Pauses of the Python client between repeated requests."""

import random

import httpx2

MIN_PAUSE_S = 0.1
"""Python client: shortest pause between two attempts, for a `Retry-After` of 0 or none."""

REPEATED = (429, 503)
"""Python client: statuses of responses after which a request is repeated."""


def pause_s(response: httpx2.Response) -> float:
    """Return the least seconds before the client repeats a request, from `Retry-After`."""
    retry_after = response.headers.get("Retry-After", "")
    return max(MIN_PAUSE_S, float(retry_after) if retry_after.isdecimal() else 0.0)


def jitter() -> float:
    """Return a random factor of pauses, so that refused clients do not return at one moment."""
    return random.uniform(1.0, 1.25)  # noqa: S311 - spreads requests, keeps no secret
