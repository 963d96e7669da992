"""Server of another application, which has Lightwell below a path: `python -m tests.mounted`."""

import asyncio
import socket
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from api.app import create_app

PATH = "/deep/inside"
"""Path below which the other application has Lightwell."""


def parent() -> FastAPI:
    """Return an application that runs Lightwell, of the environment's settings, in its lifespan."""
    lightwell = create_app()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with lightwell.router.lifespan_context(lightwell):
            announcing = asyncio.create_task(announce())
            yield
            announcing.cancel()

    async def announce() -> None:
        await lightwell.state.engine.analyses_warmed()
        write("Analyses ready after mounting.")

    app = FastAPI(lifespan=lifespan)
    app.mount(PATH, lightwell)
    return app


def write(line: str) -> None:
    """Write a line that the test waits for."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve the other application on loopback, and print the address of Lightwell."""
    arguments = ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    with socket.create_server(("127.0.0.1", arguments.parse_args().port)) as listener:
        write(f"Lightwell on http://127.0.0.1:{listener.getsockname()[1]}{PATH}")
        uvicorn.Server(uvicorn.Config(parent(), log_level="warning")).run([listener])


if __name__ == "__main__":
    main()
