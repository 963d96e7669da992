"""Careful PyTorch server, frozen for inference by TorchScript, that batches concurrent requests.

An oneDNN graph for each network (`optimize_for_inference`), one forward pass for all requests that
the event loop has read at once, and the fused LSTM: the least CPU time that PyTorch was found to
need for these answers.
"""

import asyncio
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import torch  # type: ignore[import-not-found]
from fastapi import FastAPI, Request, Response
from safetensors.numpy import save
from torch import nn

from scripts.bench.servers.careful import read_image, serve, to_json
from scripts.bench.servers.network import GATES, cnn, lstm

MAX_BATCH = 32
WARM_UPS = 5

Outputs = Sequence[np.ndarray]
Forward = Callable[[torch.Tensor], Sequence[torch.Tensor]]

app = FastAPI()


class Predictor(nn.Module):  # type: ignore[misc]
    """CNN of the batched PyTorch server with labels and probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return label, probabilities and logits of each image."""
        logits = self.network(images)
        return logits.argmax(-1), logits.softmax(-1), logits


class Tracer(Predictor):
    """CNN of the batched PyTorch server with the output of every layer."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return label and probabilities, then every layer's output, the logits last."""
        seen, value = [], images
        for name, layer in self.network.named_children():
            value = layer(value)
            if name != "flatten":
                seen.append(value)
        return value.argmax(-1), value.softmax(-1), *seen


class Counter(nn.Module):  # type: ignore[misc]
    """LSTM of the batched PyTorch server, with the gates of every step."""

    def __init__(self) -> None:
        super().__init__()
        cell, self.readout = lstm()
        self.fused = nn.LSTM(1, cell.hidden_size, batch_first=True)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        self.fused.load_state_dict({f"{name}_l0": getattr(cell, name) for name in names})

    def forward(self, bits: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return label, probabilities and logits of each sequence, and its gates at each step."""
        hidden, _ = self.fused(bits)
        # The fused LSTM returns no gates: one product computes those of all steps again.
        before = torch.cat((torch.zeros_like(hidden[:, :1]), hidden[:, :-1]), 1)
        fused = self.fused
        total = bits @ fused.weight_ih_l0.T + before @ fused.weight_hh_l0.T + fused.bias_hh_l0
        i, f, g, o = total.chunk(4, -1)
        logits = self.readout(hidden[:, -1])
        kept = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid())
        return logits.argmax(-1), logits.softmax(-1), logits, *kept


class Batcher:
    """Batcher of PyTorch calls: requests that were read together share one forward pass.

    The pass runs on the event loop: a thread would cost more than these networks take. It starts
    when all requests of one iteration of the loop have been parsed, so that none waits for others.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._waiting: list[tuple[torch.Tensor, asyncio.Future[Outputs]]] = []

    async def __call__(self, row: torch.Tensor) -> Outputs:
        """Return the outputs of one row of a batch, as NumPy arrays."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outputs] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._run)
        self._waiting.append((row, answer))
        return await answer

    def _run(self) -> None:
        waiting, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        rows = [row for row, _ in waiting]
        with torch.inference_mode():
            outputs = [one.numpy() for one in self._forward(torch.cat(rows))]
        for at, (_, answer) in enumerate(waiting):
            if not answer.done():
                answer.set_result([one[at] for one in outputs])


def optimised(module: nn.Module, example: torch.Tensor) -> Forward:
    """Freeze a PyTorch module for inference, with weights in oneDNN's layouts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript, as a whole
        traced = torch.jit.trace(module.eval(), example)
        frozen: Forward = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    with torch.inference_mode():
        for _ in range(WARM_UPS):  # the first calls specialise the graph
            frozen(example)
    return frozen


LAYERS = [name for name, _ in cnn().named_children() if name != "flatten"]
IMAGE = torch.zeros(1, 1, 28, 28)
predictor = Batcher(optimised(Predictor(cnn()), IMAGE))
tracer = Batcher(optimised(Tracer(cnn()), IMAGE))
counter = Batcher(Counter().eval())


def head(outputs: Outputs) -> dict[str, Any]:
    """Build the prediction part of the batched PyTorch server's response."""
    label, probabilities, logits = outputs
    return {"label": int(label), "probabilities": probabilities, "logits": logits}


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Classify an image on the batched PyTorch server."""
    return to_json(head(await predictor(read_image(await request.body()))))


@app.post("/activations")
async def activations(request: Request, form: str = "json") -> Response:
    """Return every layer's output from the batched PyTorch server."""
    label, probabilities, *layers = await tracer(read_image(await request.body()))
    seen = dict(zip(LAYERS, layers, strict=True))
    if form == "safetensors":
        return Response(save(seen), media_type="application/octet-stream")
    return to_json({**head((label, probabilities, seen["logits"])), "activations": seen})


@app.post("/gates")
async def gates(request: Request) -> Response:
    """Return every gate at every step from the batched PyTorch server."""
    sequence = orjson.loads(await request.body())["sequence"]
    bits = np.frombuffer(sequence.encode(), np.uint8) - np.uint8(ord("0"))
    outputs = await counter(torch.from_numpy(bits.astype(np.float32))[None, :, None])
    kept = dict(zip(GATES, outputs[3:], strict=True))
    return to_json({**head(outputs[:3]), "gates": kept})


if __name__ == "__main__":
    serve(app, __doc__)
