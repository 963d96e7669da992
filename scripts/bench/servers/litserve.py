"""LitServe server of the compiled predict program, with batching."""

import base64
import sys
from typing import Any

import litserve  # type: ignore[import-not-found]

from scripts.bench.servers.engine import MAX_BATCH, Engine, Prediction


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    """LitServe API that takes a base64 PNG in JSON and returns a prediction."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Compile the predict program in LitServe's worker process."""
        self._engine = Engine()

    def decode_request(self, request: dict[str, str]) -> bytes:
        """Decode the PNG of a LitServe request from base64."""
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """Return LitServe's batch as the list that the engine takes."""
        return inputs

    def predict(self, x: list[bytes]) -> list[Prediction]:
        """Classify a batch that LitServe has collected."""
        return self._engine(x)

    def unbatch(self, output: list[Prediction]) -> list[Prediction]:
        """Return the predictions of LitServe's batch as the list that the engine gives."""
        return output

    def encode_response(self, output: Prediction) -> Any:
        """Return LitServe's prediction, which is JSON-compatible."""
        return output


if __name__ == "__main__":
    port, timeout_s, workers = sys.argv[1:]
    classifier = Classifier(max_batch_size=MAX_BATCH, batch_timeout=float(timeout_s))
    server = litserve.LitServer(
        classifier, accelerator="cpu", workers_per_device=int(workers), timeout=60
    )
    server.run(port=int(port), generate_client_file=False, log_level="warning")
