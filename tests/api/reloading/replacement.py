"""Replacement of weights on disk, a reload, and questions before and after it."""

from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from api.inference.engine import Engine

PICTURE = {"pixels": np.random.default_rng(5).integers(0, 256, (4, 6, 3)).tolist()}
LONG = {"sequence": "abcde" * 300}
"""A sequence of several chunks of the device, and blocks of a stream."""

KEPT = "/colours/unit?layer=relu1&channel=1"
"""A question about the weights alone, whose outputs are kept."""

MANY = "/colours/attribution?method=integrated_gradients&nodes=64"
"""A question of several calls of a program."""


def engine_of(client: TestClient) -> Engine:
    """Engine of a client's application."""
    engine: Engine = client.app.state.engine  # type: ignore[attr-defined]
    return engine


def reload(client: TestClient) -> Any:
    """Reload on the event loop of the application, as a signal does."""
    assert client.portal is not None
    return client.portal.call(engine_of(client).reload)


def weights_of(folder: Path, name: str) -> bytes:
    """Content of the weights of a network."""
    return (folder / name / "weights.safetensors").read_bytes()


def replace(folder: Path, name: str, content: bytes = b"") -> None:
    """Replace the weights of a network by some content, or by those of its twin."""
    (folder / "new").write_bytes(content or weights_of(folder, f"{name}-twin"))
    (folder / "new").rename(folder / name / "weights.safetensors")


def asked(client: TestClient, name: str) -> list[Any]:
    """Answers of a network to questions of all kinds, without its name and digest."""
    answers = (
        [
            client.post(f"/{name}/predict", json=PICTURE),
            client.post(MANY.replace("colours", name), json=PICTURE),
            client.get(KEPT.replace("colours", name)),
            client.get(f"/{name}/filters?layers=conv1"),
        ]
        if name.startswith("colours")
        else [
            client.post(f"/{name}/gates", json=LONG),
            client.get(f"/{name}/gates?sequence=abcde"),
            client.post(f"/{name}/attribution?method=replace", json={"sequence": "abcde"}),
        ]
    )
    assert [one.status_code for one in answers] == [200] * len(answers), answers[-1].text
    return [{**one.json(), "model": "", "weights": ""} for one in answers]
