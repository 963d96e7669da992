"""MLServer server of the compiled predict program, with adaptive batching."""

import asyncio
import base64
import sys

import mlserver  # type: ignore[import-not-found]
import numpy as np
from mlserver.types import (  # type: ignore[import-not-found]
    InferenceRequest,
    InferenceResponse,
    ResponseOutput,
)

from scripts.bench.servers.engine import MAX_BATCH, Engine


class Classifier(mlserver.MLModel):  # type: ignore[misc]
    """MLServer model with the Open Inference Protocol's JSON, with PNGs in base64."""

    async def load(self) -> bool:
        """Compile the predict program when MLServer loads the model."""
        self._engine = Engine()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classify a batch that MLServer has concatenated along the first axis."""
        pngs = [base64.b64decode(one) for one in payload.inputs[0].data]
        answers = self._engine(pngs)
        labels = [one["label"] for one in answers]
        probabilities = np.array([one["probabilities"] for one in answers]).ravel().tolist()
        count = len(answers)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                ResponseOutput(name="label", shape=[count, 1], datatype="INT64", data=labels),
                ResponseOutput(
                    name="probabilities", shape=[count, 10], datatype="FP32", data=probabilities
                ),
            ],
        )


async def main(port: int, batch_time_s: float) -> None:
    """Run MLServer until terminated."""
    settings = mlserver.Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=0,
        metrics_port=0,
        metrics_endpoint=None,
        # In this process, as a worker would get a copy of each request through a queue.
        parallel_workers=0,
        debug=False,
        use_structured_logging=False,
    )
    server = mlserver.MLServer(settings)
    model = mlserver.ModelSettings(
        name="cnn",
        implementation=Classifier,
        max_batch_size=MAX_BATCH,
        max_batch_time=batch_time_s,
    )
    await server.start([model])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
