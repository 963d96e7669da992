"""BentoML server of the compiled predict program, with adaptive batching."""

import base64
import os
import sys

import bentoml  # type: ignore[import-not-found]

from scripts.bench.servers.engine import MAX_BATCH, Engine, Prediction

LATENCY_MS = 1000


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    """BentoML service that takes a list of base64 PNGs in JSON and returns predictions."""

    def __init__(self) -> None:
        self._engine = Engine()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=LATENCY_MS)  # type: ignore[untyped-decorator]
    def predict(self, images: list[str]) -> list[Prediction]:
        """Classify a batch that BentoML has collected."""
        return self._engine([base64.b64decode(image) for image in images])


if __name__ == "__main__":
    command = [sys.executable, "-m", "bentoml", "serve", "scripts.bench.servers.bentoml:Classifier"]
    os.execv(command[0], [*command, "--port", sys.argv[1], "--host", "127.0.0.1"])  # noqa: S606
