"""Naive FastAPI and PyTorch server as a tutorial would have it: forward hooks, lists, a dict.

Its routes are `async def`: hooks on one shared network, registered by routes that run concurrently
in threads, would mix up the activations of callers. They declare no response type, as on the first
page of FastAPI's tutorial; `--typed` declares one, which lets Pydantic write the JSON.
"""

import io
import sys
from typing import Annotated, Any

import numpy as np
import torch  # type: ignore[import-not-found]
import uvicorn
from fastapi import Body, FastAPI
from PIL import Image
from pydantic import BaseModel

from scripts.bench.servers.network import GATES, cnn, lstm

app = FastAPI()
TYPE = dict[str, Any] if "--typed" in sys.argv else None
network = cnn()
cell, readout = lstm()

Png = Annotated[bytes, Body(media_type="image/png")]


class Sequence(BaseModel):
    """Request body of the naive PyTorch server's LSTM: a sequence of the characters 0 and 1."""

    sequence: str


def read_image(png: bytes) -> torch.Tensor:
    """Decode a PNG into a batch of one image, for the naive PyTorch server."""
    image = Image.open(io.BytesIO(png)).convert("L")
    return torch.tensor(np.array(image) / 255, dtype=torch.float32)[None, None]


def answer(logits: torch.Tensor) -> dict[str, Any]:
    """Build the prediction part of the naive PyTorch server's response, as lists."""
    return {
        "label": int(logits.argmax()),
        "probabilities": logits.softmax(-1).tolist(),
        "logits": logits.tolist(),
    }


@app.post("/predict", response_model=TYPE)
async def predict(png: Png) -> dict[str, Any]:
    """Classify an image on the naive PyTorch server."""
    with torch.no_grad():
        return answer(network(read_image(png))[0])


@app.post("/activations", response_model=TYPE)
async def activations(png: Png) -> dict[str, Any]:
    """Return every layer's output from the naive PyTorch server, by a forward hook on each."""
    seen: dict[str, Any] = {}
    hooks = [
        layer.register_forward_hook(
            lambda _, __, output, name=name: seen.update({name: output[0].tolist()})
        )
        for name, layer in network.named_children()
    ]
    try:
        with torch.no_grad():
            logits = network(read_image(png))[0]
    finally:
        for hook in hooks:
            hook.remove()
    return {**answer(logits), "activations": seen}


@app.post("/channel", response_model=TYPE)
async def channel(png: Png, layer: str, channel: int) -> dict[str, Any]:
    """Return one feature map of one layer from the naive PyTorch server, by a forward hook."""
    seen: dict[str, Any] = {}
    hook = getattr(network, layer).register_forward_hook(
        lambda _, __, output: seen.update({f"{layer}.{channel}": output[0, channel].tolist()})
    )
    try:
        with torch.no_grad():
            logits = network(read_image(png))[0]
    finally:
        hook.remove()
    return {**answer(logits), "activations": seen}


@app.post("/gates", response_model=TYPE)
async def gates(body: Sequence) -> dict[str, Any]:
    """Return every gate at every step from the naive PyTorch server."""
    kept: dict[str, list[list[float]]] = {name: [] for name in GATES}
    with torch.no_grad():
        hidden = torch.zeros(cell.hidden_size)
        state = torch.zeros(cell.hidden_size)
        for bit in body.sequence:
            x = torch.tensor([float(bit)])
            total = cell.weight_ih @ x + cell.bias_ih + cell.weight_hh @ hidden + cell.bias_hh
            i, f, g, o = total.chunk(4)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            state = f * state + i * g
            hidden = o * state.tanh()
            for name, gate in zip(GATES, (i, f, g, o), strict=True):
                kept[name].append(gate.tolist())
        return {**answer(readout(hidden)), "gates": kept}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
