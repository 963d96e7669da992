"""Systems that are benchmarked: command line, requests and response decoder of each."""

import base64
import json
import struct
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.bench import decoders
from scripts.bench.environments import python_of
from scripts.bench.workloads import CHANNEL, LAYER, Arrays, Workload, post


@dataclass(frozen=True, eq=False)
class System:
    """Benchmarked system: a server and how it is started, asked and understood.

    Attributes:
        command: Function of its Python interpreter and a port to the command line that starts it.
        request: Function of a workload and one of its inputs to the request; None if not supported.
        decode: Decoder of a response body into named arrays.
        python: Its interpreter, in a virtual environment built if necessary.
        settings: Configuration, for the reader of the table.
    """

    name: str
    title: str
    command: Callable[[str, int], list[str]]
    request: Callable[[Workload, bytes], bytes | None]
    decode: Callable[[bytes], Arrays]
    python: Callable[[], str]
    settings: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def requests(self, workload: Workload) -> list[bytes]:
        """Return a workload's requests to a system, one for each input; none if not supported."""
        written = [self.request(workload, one) for one in workload.inputs]
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
LIGHTWELL_GATES = "/lstm/gates"
LEAN_PATHS = {
    "predict": "/cnn/predict?include=prediction",
    "activations-json": "/cnn/activations?layers=all&include=prediction,tensors",
    "activations-safetensors": "/cnn/activations?layers=all&format=safetensors&include=tensors",
}
BATCHED_WORKLOADS = {"predict", "activations-json", "activations-safetensors"}
NAIVE_PATHS = {
    "predict": "/predict",
    "activations-json": "/activations",
    "channel": f"/channel?layer={LAYER}&channel={CHANNEL}",
}
CAREFUL_PATHS = NAIVE_PATHS | {
    "activations-base64": "/activations?form=base64",
    "activations-safetensors": "/activations?form=safetensors",
}
BATCHED_PATHS = {name: path for name, path in CAREFUL_PATHS.items() if name in BATCHED_WORKLOADS}


def _by_path(images: Mapping[str, str], gates: str) -> Callable[[Workload, bytes], bytes | None]:
    """Return a request builder for systems of all workloads: a PNG or a sequence by path."""

    def request(workload: Workload, body: bytes) -> bytes | None:
        if not workload.is_image:
            return post(gates, "application/json", b'{"sequence":"%s"}' % body)
        path = images.get(workload.name)
        return None if path is None else post(path, "image/png", body)

    return request


def _predict_only(write: Callable[[bytes], bytes]) -> Callable[[Workload, bytes], bytes | None]:
    """Return a request builder for systems that only classify one image at a time."""

    def request(workload: Workload, body: bytes) -> bytes | None:
        return write(body) if workload.name == "predict" else None

    return request


def base64_text(png: bytes) -> str:
    """Encode a picture in base64 for JSON requests to a system."""
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
    """Build a request to the system Triton: Open Inference Protocol JSON, then tensor bytes."""
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


SYSTEMS = (
    System(
        name="lightwell",
        title="Lightwell",
        command=lambda python, port: [python, "-m", "api", "--port", str(port)],
        request=_by_path(LIGHTWELL_PATHS, LIGHTWELL_GATES),
        decode=decoders.from_lightwell,
        python=lambda: sys.executable,
        settings="defaults of `make serve`",
    ),
    System(
        name="naive",
        title="(a) naive: FastAPI, PyTorch, hooks, lists",
        command=_module("naive"),
        request=_by_path(NAIVE_PATHS, "/gates"),
        decode=decoders.from_pytorch,
        python=_environment("naive"),
        settings="uvicorn's defaults; 1 PyTorch thread, as two reach only 16/s on a busy machine",
        environment=ONE_THREAD,
    ),
    System(
        name="naive-typed",
        title="(a') as (a), with a response model",
        command=_module("naive", "--typed"),
        request=_by_path(NAIVE_PATHS, "/gates"),
        decode=decoders.from_pytorch,
        python=_environment("naive"),
        settings="as (a), with response_model=dict[str, Any]",
        environment=ONE_THREAD,
    ),
    System(
        name="careful",
        title="(b) careful: PyTorch, one pass, orjson",
        command=_module("careful", "--threads", "1"),
        request=_by_path(CAREFUL_PATHS, "/gates"),
        decode=decoders.from_pytorch,
        python=_environment("careful"),
        settings="uvloop, httptools, inference_mode, 1 PyTorch thread (fastest setting)",
    ),
    System(
        name="careful-batched",
        title="(b') as (b), frozen for inference, batched",
        command=_module("careful_batched", "--threads", "1"),
        request=_by_path(BATCHED_PATHS, "/gates"),
        decode=decoders.from_pytorch,
        python=_environment("careful"),
        settings="as (b), with optimize_for_inference, batches of at most 32, nn.LSTM",
    ),
    System(
        name="litserve",
        title="(c) LitServe",
        command=_module("litserve", "0.001", "1"),
        request=_predict_only(_litserve),
        decode=decoders.from_json,
        python=_environment("litserve"),
        settings="1 worker, max_batch_size=32, batch_timeout=0.001",
    ),
    System(
        name="mlserver",
        title="(d) MLServer",
        command=_module("mlserver", "0.001"),
        request=_predict_only(_mlserver),
        decode=decoders.from_inference_protocol,
        python=_environment("mlserver"),
        settings="parallel_workers=0, max_batch_size=32, max_batch_time=0.001",
    ),
    System(
        name="bentoml",
        title="(e) BentoML",
        command=_module("bentoml"),
        request=_predict_only(_bentoml),
        decode=decoders.from_json,
        python=_environment("bentoml"),
        settings="1 worker, max_batch_size=32, max_latency_ms=1000",
    ),
    System(
        name="triton",
        title="(f) Triton, through PyTriton",
        command=lambda python, port: [
            *(python, "-m", "scripts.bench.servers.triton", str(port)),
            str(python_of("triton-stub").parents[1]),
        ],
        request=_predict_only(_triton),
        decode=decoders.from_triton,
        python=_environment("triton"),
        settings="DynamicBatcher(max_queue_delay_microseconds=0), max_batch_size=32",
        environment={"LD_LIBRARY_PATH": str(Path(sysconfig.get_config_var("LIBDIR") or "/"))},
    ),
)

LEAN = replace(
    SYSTEMS[0], request=_by_path(LEAN_PATHS, f"{LIGHTWELL_GATES}?include=prediction,tensors")
)
"""System Lightwell, asked for the content alone that the PyTorch servers send."""
