"""Largest differences of the CNN's answers from float64, other than attributions.

python -m tests.oracles.cnn_differences

prints figures of docs/methods.md: of sample images of all digits and requests drawn at random, by
the shipped weights on this machine, asked as a client does, without a network.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.data import samples
from models.registry import load
from tests.networks import SIMPLE_CNN
from tests.oracles.attribution64 import Network

CONVOLUTIONS = ("conv1", "conv2", "conv3")
LINEAR = (*CONVOLUTIONS, "dense1", "logits")

Tensors = Mapping[str, np.ndarray]


class Asked:
    """A server in this process, the float64 network of its weights, and random choices."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.random = np.random.default_rng(0)
        model = load("cnn")
        self.network = Network(model.checkpoint.tensors)
        self.layers = model.artifacts["layers"].tensors

    def tensors(self, path: str, image: np.ndarray | None = None, **body: Any) -> Tensors:
        """Tensors of an answer by name, and its measures."""
        if image is None:
            answer = self.client.get(path)
        else:
            answer = self.client.post(path, json={"pixels": image.tolist(), **body})
        answer.raise_for_status()
        found = answer.json()
        tensors = {one["name"]: np.array(one["data"]) for one in found["tensors"]}
        return tensors | {one["name"]: one["value"] for one in found["measures"]}

    def choice(self, names: tuple[str, ...]) -> str:
        """One of some names, at random."""
        return str(self.random.choice(names))


def channel_first(maps: np.ndarray) -> np.ndarray:
    """Maps of one image as answers have them."""
    return np.moveaxis(maps, -1, 0) if maps.ndim > 1 else maps


def show(name: str, apart: list[float], largest: float) -> None:
    """Print the largest and the median difference of some answers."""
    numbers = f"largest {max(apart):.1e}, median {np.median(apart):.1e}"
    sys.stdout.write(f"{name:24} {numbers}, of values up to {largest:.3g}, {len(apart)} answers\n")
    sys.stdout.flush()


def activations(asked: Asked, images: np.ndarray) -> None:
    """Print the differences of every layer's values."""
    apart: dict[str, list[float]] = {name: [] for name in SIMPLE_CNN.layers}
    largest = dict.fromkeys(SIMPLE_CNN.layers, 0.0)
    for image in images:
        found = asked.tensors("/cnn/activations?preprocess=none&layers=all", image)
        made = asked.network.forward(image[None] / 255.0).maps
        for name, differences in apart.items():
            truth = channel_first(made[name][0])
            differences.append(float(np.abs(found[name] - truth).max()))
            largest[name] = max(largest[name], float(np.abs(truth).max()))
    for name, differences in apart.items():
        show(f"activations {name}", differences, largest[name])


def random_edits(asked: Asked) -> list[dict[str, Any]]:
    """One to three edits of random layers and channels."""
    edits = []
    for _ in range(asked.random.integers(1, 4)):
        layer = asked.choice(tuple(SIMPLE_CNN.layers))
        operation = asked.choice(("zero", "scale", "add", "set"))
        size = SIMPLE_CNN.layers[layer].shape[-1]
        channels = asked.random.choice(size, asked.random.integers(1, size), replace=False)
        edit = {"layer": layer, "operation": operation, "channels": channels.tolist()}
        amount = round(float(asked.random.uniform(-2, 2)), 3)
        edits.append(edit if operation == "zero" else edit | {"amount": amount})
    return edits


def edited(edits: list[dict[str, Any]]) -> Callable[[str, np.ndarray], np.ndarray]:
    """The same edits, of values that are channel last."""
    by_operation = {
        "zero": lambda value, _: value * 0,
        "scale": lambda value, amount: value * amount,
        "add": lambda value, amount: value + amount,
        "set": lambda value, amount: value * 0 + amount,
    }

    def edit(name: str, value: np.ndarray) -> np.ndarray:
        value = value.copy()
        for one in edits:
            if one["layer"] == name:
                chosen = (..., one["channels"])
                value[chosen] = by_operation[one["operation"]](value[chosen], one.get("amount"))
        return value

    return edit


def interventions(asked: Asked, images: np.ndarray) -> None:
    """Print the differences of the logits after random edits."""
    apart, largest = [], 0.0
    for image in images:
        edits = random_edits(asked)
        path = "/cnn/intervene?preprocess=none&layers=logits"
        found = asked.tensors(path, image, edits=edits)["logits"][1]
        truth = asked.network.forward(image[None] / 255.0, edited(edits)).maps["logits"][0]
        apart.append(float(np.abs(found - truth).max()))
        largest = max(largest, float(np.abs(truth).max()))
    show("interventions logits", apart, largest)


def pixel(asked: Asked, images: np.ndarray) -> None:
    """Print the differences of a single value's sum, and the rounding that an answer states."""
    apart, rounding, largest = [], [], 0.0
    for image in images:
        layer = asked.choice(CONVOLUTIONS)
        height, width, channels = SIMPLE_CNN.layers[layer].shape
        y, x, channel = (int(asked.random.integers(size)) for size in (height, width, channels))
        query = f"preprocess=none&layer={layer}&channel={channel}&y={y}&x={x}"
        found = asked.tensors(f"/cnn/pixel?{query}", image)
        truth = asked.network.forward(image[None] / 255.0).maps[layer][0, y, x, channel]
        apart.append(abs(float(found["sum"]) - truth))
        rounding.append(abs(float(found["rounding"])))
        largest = max(largest, abs(truth))
    show("pixel sum", apart, largest)
    show("pixel rounding", rounding, largest)


def embedding(asked: Asked, images: np.ndarray) -> None:
    """Print the differences of an image's coordinates."""
    apart, largest, record = [], 0.0, asked.layers
    for image in images:
        across, upward = asked.random.choice(16, 2, replace=False)
        path = f"/cnn/embedding?preprocess=none&across={across}&upward={upward}"
        found = asked.tensors(path, image)
        relu4 = asked.network.forward(image[None] / 255.0).maps["relu4"][0]
        places = (relu4 - record["embedding.mean"]) @ record["embedding.components"].T
        given = [found["across.picture"][0], found["upward.picture"][0]]
        apart.append(float(np.abs(given - places[[across, upward]]).max()))
        largest = max(largest, float(np.abs(places).max()))
    show("embedding coordinates", apart, largest)


def maximisation(asked: Asked, images: np.ndarray) -> None:
    """Print the differences of the value that a maximised image is stated to have."""
    apart, strongest, largest = [], [], 0.0
    for _ in images:
        layer = asked.choice(LINEAR)
        channel = int(asked.random.integers(SIMPLE_CNN.layers[layer].shape[-1]))
        query = f"layer={layer}&channel={channel}&steps=8&seed={asked.random.integers(100)}"
        found = asked.tensors(f"/cnn/unit?{query}")
        made = asked.network.forward(found["optimum"]).maps[layer][..., channel]
        values = made.reshape(len(made), -1).mean(1)
        apart.append(float(np.abs(found["optimum.value"] - values).max()))
        largest = max(largest, float(np.abs(values).max()))
        made = asked.network.forward(found["strongest"] / 255.0).maps[layer][..., channel]
        maxima = made.reshape(len(made), -1).max(1)
        strongest.append(float(np.abs(found["strongest.value"] - maxima).max()))
    show("maximisation value", apart, largest)
    show("strongest images' values", strongest, largest)


SECTIONS: Mapping[str, Callable[[Asked, np.ndarray], None]] = {
    "activations": activations,
    "interventions": interventions,
    "pixel": pixel,
    "embedding": embedding,
    "maximisation": maximisation,
}


def main() -> None:
    """Print the sections that are asked for, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    parser.add_argument("--images", type=int, default=60)
    arguments = parser.parse_args()
    images = samples.load().images[: arguments.images]
    app = create_app(Settings())
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(app.state.engine.analyses_warmed)
        asked = Asked(client)
        for name in arguments.sections or SECTIONS:
            SECTIONS[name](asked, images)


if __name__ == "__main__":
    main()
