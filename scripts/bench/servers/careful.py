"""Careful FastAPI and PyTorch server, for speed: one forward pass, orjson directly from NumPy."""

import argparse
import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import torch  # type: ignore[import-not-found]
import uvicorn
from fastapi import FastAPI, Request, Response
from PIL import Image
from safetensors.numpy import save

from scripts.bench.servers.network import GATES, cnn, lstm

app = FastAPI()
network = cnn()
cell, readout = lstm()


def read_image(png: bytes) -> torch.Tensor:
    """Decode a PNG into a batch of one image, for the careful PyTorch server."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"), np.float32)
    return torch.from_numpy(pixels / np.float32(255))[None, None]


def answer(logits: torch.Tensor) -> dict[str, Any]:
    """Build the prediction part of the careful PyTorch server's response, as NumPy arrays."""
    return {
        "label": int(logits.argmax()),
        "probabilities": logits.softmax(-1).numpy(),
        "logits": logits.numpy(),
    }


def trace(png: bytes) -> dict[str, torch.Tensor]:
    """Run the careful PyTorch server's CNN once, layer by layer, and keep each layer's output."""
    seen, value = {}, read_image(png)
    for name, layer in network.named_children():
        value = layer(value)
        if name != "flatten":
            seen[name] = value[0]
    return seen


def to_json(document: Mapping[str, Any]) -> Response:
    """Serialise the careful PyTorch server's response, with NumPy arrays, by orjson."""
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, media_type="application/json")


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Classify an image on the careful PyTorch server."""
    png = await request.body()
    with torch.inference_mode():
        return to_json(answer(network(read_image(png))[0]))


@app.post("/activations")
async def activations(request: Request, form: str = "json") -> Response:
    """Return every layer's output from the careful PyTorch server."""
    png = await request.body()
    with torch.inference_mode():
        seen = {name: value.numpy() for name, value in trace(png).items()}
        head = answer(torch.from_numpy(seen["logits"]))
    if form == "safetensors":
        return Response(save(seen), media_type="application/octet-stream")
    if form == "base64":
        packed = {
            name: {"shape": value.shape, "data": base64.b64encode(value.tobytes()).decode()}
            for name, value in seen.items()
        }
        return to_json({**head, "activations": packed})
    return to_json({**head, "activations": seen})


@app.post("/channel")
async def channel(request: Request, layer: str, channel: int) -> Response:
    """Return one feature map of one layer from the careful PyTorch server."""
    png = await request.body()
    with torch.inference_mode():
        seen = trace(png)
        chosen = {f"{layer}.{channel}": seen[layer][channel].numpy()}
        return to_json({**answer(seen["logits"]), "activations": chosen})


@app.post("/gates")
async def gates(request: Request) -> Response:
    """Return every gate at every step from the careful PyTorch server."""
    sequence = orjson.loads(await request.body())["sequence"]
    return to_json(run_lstm(sequence))


def run_lstm(sequence: str) -> dict[str, Any]:
    """Step the careful server's LSTM cell, then compute all steps' gates in one matrix product."""
    bits = np.frombuffer(sequence.encode(), np.uint8) - np.uint8(ord("0"))
    with torch.inference_mode():
        inputs = torch.from_numpy(bits.astype(np.float32))[:, None, None]
        hidden = state = torch.zeros(1, cell.hidden_size)
        before = []
        for step in inputs:
            before.append(hidden)
            hidden, state = cell(step, (hidden, state))
        # `LSTMCell` returns no gates: they are computed again from the hidden states before them.
        total = (
            torch.addmm(cell.bias_hh, torch.cat(before), cell.weight_hh.T)
            + inputs[:, 0] @ cell.weight_ih.T
        )
        i, f, g, o = total.chunk(4, dim=1)
        values = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid())
        kept = {name: value.numpy() for name, value in zip(GATES, values, strict=True)}
        return {**answer(readout(hidden)[0]), "gates": kept}


def serve(application: FastAPI, description: str | None) -> None:
    """Serve a careful PyTorch server at the port of its command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("port", type=int)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    uvicorn.run(
        application,
        port=flags.port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    serve(app, __doc__)
