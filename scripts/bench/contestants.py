"""Who is measured: how each is started, what it is sent, and how its answer is read."""

import base64
import json
import struct
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench import answers
from scripts.bench.environments import python_of
from scripts.bench.works import CHANNEL, LAYER, Arrays, Work, post


@dataclass(frozen=True, eq=False)
class Contestant:
    """A server that is measured.

    Attributes:
        command: From its Python and a port to the command that starts it.
        ask: From a work and one of its inputs to the request; None for a work that it does not do.
        read: From the body of an answer to its arrays.
        python: Its interpreter, in an environment made for it if need be.
        settings: How it is set up, for the reader of the table.
    """

    name: str
    title: str
    command: Callable[[str, int], list[str]]
    ask: Callable[[Work, bytes], bytes | None]
    read: Callable[[bytes], Arrays]
    python: Callable[[], str]
    settings: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def requests(self, work: Work) -> list[bytes]:
        """Write a work's requests, one for each input; none where it does not do this work."""
        written = [self.ask(work, one) for one in work.inputs]
        return [one for one in written if one is not None]


ONE_THREAD = {"OMP_NUM_THREADS": "1"}

LIGHTWELL_PATHS = {
    "predict": "/cnn/predict",
    "activations-json": "/cnn/activations?layers=all",
    "activations-base64": "/cnn/activations?layers=all&encoding=base64",
    "activations-safetensors": "/cnn/activations?layers=all&format=safetensors",
    "activations-png": "/cnn/activations.png?layers=all",
    "channel": f"/cnn/channel?layer={LAYER}&channel={CHANNEL}",
}
NAIVE_PATHS = {
    "predict": "/predict",
    "activations-json": "/activations",
    "channel": f"/channel?layer={LAYER}&channel={CHANNEL}",
}
CAREFUL_PATHS = NAIVE_PATHS | {
    "activations-base64": "/activations?form=base64",
    "activations-safetensors": "/activations?form=safetensors",
}


def _by_path(images: Mapping[str, str], gates: str) -> Callable[[Work, bytes], bytes | None]:
    """Ask as the three servers of the whole work are asked: the plain PNG, or a sequence."""

    def ask(work: Work, body: bytes) -> bytes | None:
        if not work.is_image:
            return post(gates, "application/json", b'{"sequence":"%s"}' % body)
        path = images.get(work.name)
        return None if path is None else post(path, "image/png", body)

    return ask


def _predict_only(write: Callable[[bytes], bytes]) -> Callable[[Work, bytes], bytes | None]:
    """Ask as the servers without an engine are asked: one image at a time, to be classified."""

    def ask(work: Work, body: bytes) -> bytes | None:
        return write(body) if work.name == "predict" else None

    return ask


def base64_text(png: bytes) -> str:
    """Encode a picture as JSON can hold it."""
    return base64.b64encode(png).decode()


def _litserve(png: bytes) -> bytes:
    return post("/predict", "application/json", json.dumps({"image": base64_text(png)}).encode())


def _bentoml(png: bytes) -> bytes:
    return post("/predict", "application/json", json.dumps({"images": [base64_text(png)]}).encode())


def _mlserver(png: bytes) -> bytes:
    tensor = {"name": "image", "shape": [1, 1], "datatype": "BYTES", "data": [base64_text(png)]}
    body = {"inputs": [{**tensor, "parameters": {"content_type": "base64"}}]}
    return post("/v2/models/cnn/infer", "application/json", json.dumps(body).encode())


def _triton(png: bytes) -> bytes:
    """Write the binary form of the Open Inference Protocol: JSON, then the tensor's bytes."""
    packed = struct.pack("<I", len(png)) + png
    tensor = {"name": "image", "shape": [1, 1], "datatype": "BYTES"}
    described = {
        "inputs": [{**tensor, "parameters": {"binary_data_size": len(packed)}}],
        "parameters": {"binary_data_output": True},
    }
    head = json.dumps(described).encode()
    kind = f"application/octet-stream\r\nInference-Header-Content-Length: {len(head)}"
    return post("/v2/models/cnn/infer", kind, head + packed)


def _module(name: str, *flags: str) -> Callable[[str, int], list[str]]:
    return lambda python, port: [python, "-m", f"scripts.bench.servers.{name}", str(port), *flags]


def _environment(name: str) -> Callable[[], str]:
    return lambda: str(python_of(name))


CONTESTANTS = (
    Contestant(
        name="lightwell",
        title="Lightwell",
        command=lambda python, port: [python, "-m", "api", "--port", str(port)],
        ask=_by_path(LIGHTWELL_PATHS, "/lstm/gates"),
        read=answers.of_lightwell,
        python=lambda: sys.executable,
        settings="as `make serve` starts it",
    ),
    Contestant(
        name="naive",
        title="(a) naive: FastAPI, PyTorch, hooks, lists",
        command=_module("naive"),
        ask=_by_path(NAIVE_PATHS, "/gates"),
        read=answers.of_pytorch,
        python=_environment("naive"),
        settings="uvicorn's defaults; 1 PyTorch thread, since two beside a busy core fall to 16/s",
        environment=ONE_THREAD,
    ),
    Contestant(
        name="naive-typed",
        title="(a') the same, its dict's type declared",
        command=_module("naive", "--typed"),
        ask=_by_path(NAIVE_PATHS, "/gates"),
        read=answers.of_pytorch,
        python=_environment("naive"),
        settings="as (a), with response_model",
        environment=ONE_THREAD,
    ),
    Contestant(
        name="careful",
        title="(b) careful: PyTorch, one pass, orjson",
        command=_module("careful", "--threads", "1"),
        ask=_by_path(CAREFUL_PATHS, "/gates"),
        read=answers.of_pytorch,
        python=_environment("careful"),
        settings="uvloop, httptools, inference_mode, 1 PyTorch thread (measured best)",
    ),
    Contestant(
        name="litserve",
        title="(c) LitServe",
        command=_module("litserve", "0.001", "1"),
        ask=_predict_only(_litserve),
        read=answers.of_json,
        python=_environment("litserve"),
        settings="1 worker, max_batch_size=32, batch_timeout=0.001",
    ),
    Contestant(
        name="mlserver",
        title="(d) MLServer",
        command=_module("mlserver", "0.001"),
        ask=_predict_only(_mlserver),
        read=answers.of_inference_protocol,
        python=_environment("mlserver"),
        settings="parallel_workers=0, max_batch_size=32, max_batch_time=0.001",
    ),
    Contestant(
        name="bentoml",
        title="(e) BentoML",
        command=_module("bentoml"),
        ask=_predict_only(_bentoml),
        read=answers.of_json,
        python=_environment("bentoml"),
        settings="1 worker, max_batch_size=32, max_latency_ms=1000",
    ),
    Contestant(
        name="triton",
        title="(f) Triton, through PyTriton",
        command=lambda python, port: [
            *(python, "-m", "scripts.bench.servers.triton", str(port)),
            str(python_of("triton-stub").parents[1]),
        ],
        ask=_predict_only(_triton),
        read=answers.of_triton,
        python=_environment("triton"),
        settings="DynamicBatcher(max_queue_delay_microseconds=0), max_batch_size=32",
        environment={"LD_LIBRARY_PATH": str(Path(sysconfig.get_config_var("LIBDIR") or "/"))},
    ),
)
