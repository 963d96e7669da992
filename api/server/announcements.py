"""Announcements: lines of the starting server on standard output."""

import socket
import time
from collections.abc import Iterator, Mapping

from api import STARTED
from api.access.exposure import exposure_lines
from api.inference.engine import Engine
from api.settings import Settings
from models.rnn.lengths import LengthLimits


def announce_listening(listener: socket.socket, engine: Engine, scheme: str = "http") -> str:
    """Announce the server's address and the weights it serves, by print; return the URL."""
    host, port = listener.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared alone
    url = f"{scheme}://{f'[{reached}]' if ':' in reached else reached}:{port}"
    print(
        "\n".join((f"Lightwell on {url} (every route: {url}/docs)", *_weights(engine))), flush=True
    )
    return url


def announce_exposure(url: str, settings: Settings, made_up: str | None) -> None:
    """Announce who can reach the server, and the token that it made up."""
    for line in exposure_lines(url, settings, made_up):
        print(line, flush=True)


def announce_ready(url: str, engine: Engine, since: float = STARTED) -> None:
    """Announce that the server answers requests, and print some to try.

    Args:
        url: Address of the server.
        engine: Its models.
        since: When the server was started, by `time.monotonic`.
    """
    print(f"Ready after {_seconds(since)} ({_executables(engine)}).")
    shipped = {name: model.is_shipped for name, model in engine.models.items()}
    print("\n".join((f"Open {url} in a browser, or try:", *examples(url, shipped))), flush=True)


def examples(url: str, shipped: Mapping[str, bool]) -> Iterator[str]:
    """Commands that announce how to ask the server.

    Args:
        shipped: Whether each network ships with the server, by name, the user's own first.
    """
    yield from [f"  curl {url}/models/{name}" for name in shipped if not shipped[name]][:1]
    if shipped.get("lstm"):
        yield f"  curl '{url}/lstm/gates?sequence=10110'"
    if shipped.get("cnn"):
        yield (
            f"  curl -s {url}/samples/0.png | "
            f"curl -s -H 'Content-Type: image/png' --data-binary @- {url}/cnn/predict"
        )


def announce_analyses(since: float = STARTED) -> None:
    """Announce that the server answers analyses, too."""
    print(f"Analyses ready after {_seconds(since)}.", flush=True)


def _seconds(since: float) -> str:
    return f"{time.monotonic() - since:.1f} s"


def _weights(engine: Engine) -> Iterator[str]:
    """Lines that announce each model's weights: digest, test accuracy and known lengths."""
    for name, model in engine.models.items():
        accuracy = model.checkpoint.metadata.get("metrics", {}).get("test_accuracy")
        shown = "not recorded" if accuracy is None else f"{100 * accuracy:.2f} %"
        known = shown_lengths(model.length_limits[None]) if model.length_limits else ""
        yield f"  {name}: weights {model.checkpoint.digest[:12]}, test accuracy {shown}{known}"


def shown_lengths(limits: LengthLimits) -> str:
    """Text that announces the lengths up to which a model's answers are known."""
    if not limits.longest:
        return "; no length of sequences was tested"
    tested = f", tested up to {limits.tested:,} steps" if limits.tested else ""
    return tested + (f", certified up to {limits.certified:,} steps" if limits.certified else "")


def _executables(engine: Engine) -> str:
    """Text that announces the number of executables, and whether they were compiled or cached."""
    models = engine.models.values()
    count = sum(program.executables for model in models for program in model.programs.values())
    cached = all(model.cached for model in models)
    return f"{count} executables {'from the cache' if cached else 'compiled'}"
