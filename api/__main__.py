"""`python -m api`: command line of the server."""

# ruff: noqa: E402 - libraries read their environment when they are imported

import gc
import signal

# A worker process runs this file under the second name.
if __name__ in ("__main__", "__mp_main__"):
    # The objects of the imports live as long as the server: collections would take 0.2 s of the
    # start to find no garbage among them.
    gc.disable()
    # Ctrl-C ends a command that loads at once, without a traceback; a server handles it by itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from api.server.environment import configure_environment

configure_environment()

import logging
import socket
import sys

from pydantic import Field, ValidationError
from pydantic_settings import CliApp, CliImplicitFlag, SettingsError

from api.access.exposure import with_access
from api.server.hang_ups import HangUps
from api.server.listener import ListenerError, bind
from api.server.process_output import configure_logging, output_in_background
from api.settings import Settings
from api.workers.chips import visible_chips
from api.workers.worker_count import WorkerCountError, worker_count


class Command(Settings):
    """Command line of the server: its settings, and flags of the command alone."""

    openapi: CliImplicitFlag[bool] = Field(
        False, description="Print the OpenAPI description and exit, without starting a server."
    )


def main() -> int:
    """Run the command `python -m api`; return its exit code.

    It is 2 for a setting that is wrong, and 1 for files that cannot be served, or an address that
    cannot be listened on.
    """
    configure_logging()
    hang_ups = HangUps()
    try:
        given = CliApp.run(Command, cli_args=sys.argv[1:])
        settings = with_access(given)
        chips = visible_chips()
        count = worker_count(settings, chips)
        sockets = [] if given.openapi else bind(given.host, given.port)
    except (ValidationError, SettingsError, WorkerCountError) as error:
        return _refuse(error, 2)
    except ListenerError as error:
        return _refuse(error, 1)
    made_up = settings.token if given.token is None else None
    if sockets and count > 1:
        from api.workers.supervisor import supervise  # noqa: PLC0415 - it needs POSIX

        return 0 if supervise(settings, sockets, (count, chips), made_up, hang_ups) else 1
    return _run(settings, sockets, made_up, hang_ups)


def _run(
    settings: Settings, sockets: list[socket.socket], made_up: str | None, hang_ups: HangUps
) -> int:
    """Load the application of the command `python -m api`, and serve or describe it.

    Args:
        sockets: Those to listen on; none prints the OpenAPI description instead.
        made_up: Token that the command made up, to print; None without one.
        hang_ups: Signals that load replaced files.
    """
    # These imports take over a second, which a taken port does not wait for.
    import orjson  # noqa: PLC0415

    from api.app import create_app  # noqa: PLC0415
    from models.runtime.checkpoints import CheckpointError  # noqa: PLC0415

    # After its import, at which JAX would take this level for that of XLA's own messages.
    logging.getLogger("jax").setLevel(logging.WARNING)
    try:
        app = create_app(settings)
    except CheckpointError as error:
        return _refuse(error, 1)
    if not sockets:
        print(orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2).decode())
        return 0
    from api.server.process import serve  # noqa: PLC0415

    with output_in_background(app):
        return 0 if serve(app, settings, sockets, made_up, hang_ups) else 1


def _refuse(error: Exception, status: int) -> int:
    """Print why the command `python -m api` cannot start, as a sentence; return the exit code."""
    print(f"lightwell: {_one_line(error)}", file=sys.stderr)
    return status


def _one_line(error: Exception) -> str:
    """Error message of the command `python -m api` for a wrong setting or file, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        return f"setting {name}: {text}" if name else text
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
