"""Triton server of the compiled predict program, through PyTriton, with dynamic batching."""

import sys

import numpy as np
from pytriton.decorators import batch  # type: ignore[import-not-found]
from pytriton.model_config import (  # type: ignore[import-not-found]
    DynamicBatcher,
    ModelConfig,
    Tensor,
)
from pytriton.triton import Triton, TritonConfig  # type: ignore[import-not-found]

from scripts.bench.servers.engine import MAX_BATCH, Engine


def main(port: int, stub: str) -> None:
    """Run Triton with the predict program until terminated.

    Args:
        stub: Virtual environment of the processes that Triton starts: they need an older NumPy.
    """
    engine = Engine()
    sys.exec_prefix = stub  # where PyTriton looks for it

    @batch  # type: ignore[untyped-decorator]
    def classify(image: np.ndarray) -> dict[str, np.ndarray]:
        answers = engine([bytes(one) for one in image[:, 0]])
        return {
            "label": np.array([[one["label"]] for one in answers], np.int64),
            "probabilities": np.array([one["probabilities"] for one in answers], np.float32),
        }

    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=port,
        allow_grpc=False,
        allow_metrics=False,
        log_verbose=0,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="cnn",
            infer_func=classify,
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="label", dtype=np.int64, shape=(1,)),
                Tensor(name="probabilities", dtype=np.float32, shape=(10,)),
            ],
            config=ModelConfig(
                max_batch_size=MAX_BATCH, batcher=DynamicBatcher(max_queue_delay_microseconds=0)
            ),
        )
        triton.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
