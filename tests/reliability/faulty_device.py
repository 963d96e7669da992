"""`python -m tests.reliability.faulty_device`: the server on a device that fails on request.

The file that `DEVICE_FAULT` names has the fault: `hang` until the file is gone, `sleep SECONDS`, or
`memory ROWS`, which is an allocation that fails for batches of more rows.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from api import __main__ as command  # before the libraries that read the environment
from api.inference import engine, program_queues
from api.inference.device_memory import EXHAUSTED, in_halves
from api.inference.device_worker import DeviceWorker

HUNG_S = 1.0
"""Seconds after which a call counts as hung, in place of 30."""

FAULT = Path(os.environ.get("DEVICE_FAULT", ""))
BEGUN = "begun"
"""Name of the file, in the same folder, that is there once a call hangs or fails."""

Work = Callable[[Sequence[Any]], Sequence[Any]]


def fault() -> list[str]:
    """Return the words of the fault that the device has now."""
    return FAULT.read_text().split() if FAULT.exists() else []


def faulty(program: Work) -> Work:
    """Return the work of a program on the device."""

    def work(items: Sequence[Any]) -> Sequence[Any]:
        match fault():
            case ["hang"]:
                FAULT.with_name(BEGUN).touch()
                while FAULT.exists():
                    time.sleep(0.01)
            case ["sleep", seconds]:
                time.sleep(float(seconds))
            case ["memory", rows] if len(items) > int(rows):
                FAULT.with_name(BEGUN).touch()
                msg = f"{EXHAUSTED}: out of memory at 0x7f3a"
                raise RuntimeError(msg)
        return program(items)

    return work


def main() -> int:
    """Run the server's command on the faulty device."""
    program_queues.in_halves = lambda program: in_halves(faulty(program))  # type: ignore[assignment]
    engine.DeviceWorker = partial(DeviceWorker, hung_s=HUNG_S)  # type: ignore[misc]
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
