"""Command line of the fuzzers: `python -m tests.fuzz pictures --seconds 60`.

It starts a server on loopback, prints answers by status and each answer that is not allowed, and
exits with 1 if there was one.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.fuzz import declarations, heads, json_bodies, multipart, network_files, pictures, queries
from tests.fuzz.driver import Fuzzer, fuzz
from tests.servers import Server

FUZZERS: dict[str, Fuzzer] = {
    "pictures": pictures,
    "multipart": multipart,
    "json": json_bodies,
    "heads": heads,
    "queries": queries,
}
READERS: dict[str, Callable[..., Counter[str]]] = {
    "declarations": declarations.check,
    "network_files": network_files.check,
}
"""Fuzzers of files, which need no server."""

MOST_GROWTH = 64 << 20
"""Bytes by which the server's resident memory may grow during a run."""

SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzzers that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    names = [*FUZZERS, *READERS]
    parser.add_argument("fuzzers", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="time of each fuzzer")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    chosen = options.fuzzers or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no fuzzer is named {', '.join(sorted(unknown))}")
    print(f"seed {options.seed}")
    status = 0
    for name in READERS.keys() & chosen:
        found = READERS[name](options.seed, count=sys.maxsize, seconds=options.seconds)
        print(f"{name}: {found.total()} read, {dict(found)}")
    requested = [name for name in chosen if name in FUZZERS]
    if requested:
        status = _requests(requested, options.seed, options.seconds)
    return status


def _requests(names: Sequence[str], seed: int, seconds: float) -> int:
    """Run fuzzers of requests against a server of their own; return the exit status."""
    server, status = Server(), 0
    try:
        server.wait_for("Analyses ready after")  # which takes memory too
        for name in names:
            pid = server.process.pid
            found = fuzz(FUZZERS[name], server.url, pid, seed, count=sys.maxsize, seconds=seconds)
            total, by_status = found.statuses.total(), dict(sorted(found.statuses.items()))
            print(f"{name}: {total} requests, {by_status}, memory {found.growth / 2**20:+.0f} MiB")
            for one in found.failures[:SHOWN]:
                print(f"  {one.reason}: {one.sent[:400]!r} -> {one.answer.body[:300]!r}")
            wrong = found.failures or found.growth > MOST_GROWTH
            status = 1 if wrong or server.process.poll() is not None else status
    finally:
        server.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
