"""The attributions once more, by Captum on a PyTorch network with the same weights.

pip install torch captum safetensors
python -m tests.oracles.captum_maps http://127.0.0.1:8000 models/shipped/cnn/weights.safetensors

compares a running server with Captum on 60 of its own samples, raw map against raw map, and prints
the largest difference of each method.
"""

import json
import sys
import urllib.request
from collections.abc import Callable, Mapping

import numpy as np
import torch
from captum import attr
from torch import nn

Maps = dict[str, np.ndarray]

NODES, WINDOW, STRIDE = 50, 5, 2
LAYERS = ("relu1", "pool1", "relu2", "pool2", "relu3")
SMOOTHING = {"samples": 8, "noise": 0.15, "seed": 0}


def network(tensors: Mapping[str, np.ndarray]) -> nn.Module:
    """Build the CNN out of PyTorch's layers."""

    def conv(name: str) -> nn.Module:
        kernel = torch.from_numpy(tensors[f"{name}.kernel"]).permute(3, 2, 0, 1)
        layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
        return filled(layer, kernel, tensors[f"{name}.bias"])

    def dense(name: str, kernel: torch.Tensor) -> nn.Module:
        return filled(nn.Linear(kernel.shape[1], kernel.shape[0]), kernel, tensors[f"{name}.bias"])

    # Flax flattens y, x, channel; PyTorch has the channel first.
    flat = torch.from_numpy(tensors["dense1.kernel"]).reshape(7, 7, 64, 128)
    named = {
        "conv1": conv("conv1"),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": conv("conv2"),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "conv3": conv("conv3"),
        "relu3": nn.ReLU(),
        "flat": nn.Flatten(),
        "dense1": dense("dense1", flat.permute(3, 2, 0, 1).reshape(128, -1)),
        "relu4": nn.ReLU(),
        "output": dense("output", torch.from_numpy(tensors["output.kernel"]).T),
    }
    model = nn.Sequential()
    for name, layer in named.items():
        model.add_module(name, layer)
    return model.eval()


def filled(layer: nn.Module, kernel: torch.Tensor, bias: np.ndarray) -> nn.Module:
    """Put parameters into a layer."""
    with torch.no_grad():
        layer.weight.copy_(kernel)
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def noisy(image: np.ndarray) -> np.ndarray:
    """Draw the noisy copies that the server draws."""
    random = np.random.default_rng(SMOOTHING["seed"])
    spread = SMOOTHING["noise"]
    drawn = [random.normal(0.0, spread, image.shape) for _ in range(SMOOTHING["samples"])]
    return np.stack([image + one.astype(np.float32) for one in drawn])


def maps(tensors: Mapping[str, np.ndarray], pixels: np.ndarray, label: int, less: int) -> Maps:
    """Attribute the difference of two logits in every way.

    Args:
        tensors: The CNN's parameters, as Flax has them.
        pixels: Integers 0 to 255.
        label: The target.
        less: The digit whose logit is subtracted.
    """
    model = network(tensors)

    def difference(images: torch.Tensor) -> torch.Tensor:
        logits = model(images)
        return logits[:, label] - logits[:, less]

    image = pixels.astype(np.float32) / np.float32(255)
    given = torch.from_numpy(image)[None, None]
    gradient = attr.Saliency(difference)
    copies = torch.from_numpy(noisy(image))[:, None]
    (integrated, delta), (from_white, _) = (
        attr.IntegratedGradients(difference).attribute(
            given, start, n_steps=NODES, method="gausslegendre", return_convergence_delta=True
        )
        for start in (given * 0, given * 0 + 1)
    )
    occluded = attr.Occlusion(difference).attribute(
        given, (1, WINDOW, WINDOW), (1, STRIDE, STRIDE), baselines=0.0
    )
    found = {
        "gradient": gradient.attribute(given, abs=False),
        "gradient_x_input": attr.InputXGradient(difference).attribute(given),
        "smoothgrad": gradient.attribute(copies, abs=False).mean(0, keepdim=True),
        "integrated_gradients": integrated,
        "integrated_gradients.white": from_white,
        "delta": delta,
        "occlusion": occluded,
    }
    return {name: plain(one) for name, one in found.items()} | cams(model, difference, given)


def cams(model: nn.Module, difference: Callable[..., torch.Tensor], given: torch.Tensor) -> Maps:
    """Attribute at every layer with maps."""
    found: Maps = {}
    for name in LAYERS:
        layer = getattr(model, name)
        grad_cam = attr.LayerGradCam(difference, layer).attribute(given, relu_attributions=False)
        product = attr.LayerGradientXActivation(difference, layer).attribute(given)
        values = attr.LayerActivation(difference, layer).attribute(given)
        # Captum has no LayerCAM; where values are not negative, it is the product's positive part.
        assert (values >= 0).all()
        found[f"grad_cam.{name}"] = plain(grad_cam)
        found[f"hirescam.{name}"] = plain(product.sum(1))
        found[f"layer_cam.{name}"] = plain(product.clamp(min=0).sum(1))
    return found


def plain(values: torch.Tensor) -> np.ndarray:
    """Take a map out of its batch of one."""
    return values.detach().numpy().squeeze()


def queries() -> dict[str, str]:
    """Query parameters that ask the server for a map, by its name."""
    plain = {
        "gradient": "",
        "gradient_x_input": "",
        "smoothgrad": "".join(f"&{name}={value}" for name, value in SMOOTHING.items()),
        "integrated_gradients": f"&nodes={NODES}",
        "occlusion": f"&window={WINDOW}&stride={STRIDE}",
    }
    asked = {name: f"method={name}{more}" for name, more in plain.items()}
    asked["integrated_gradients.white"] = f"{asked['integrated_gradients']}&baseline=white"
    for layer in LAYERS:
        for method in ("grad_cam", "hirescam", "layer_cam"):
            asked[f"{method}.{layer}"] = f"method={method}&layer={layer}"
    return asked


def main(url: str, weights: str, count: int = 60) -> None:
    """Compare a running server with Captum."""
    from safetensors.numpy import load_file  # noqa: PLC0415

    tensors = load_file(weights)
    worst: dict[str, tuple[float, float]] = {}
    with urllib.request.urlopen(f"{url}/samples?count={count}") as answer:  # noqa: S310
        samples = json.load(answer)["samples"]
    for sample in samples:
        pixels, label = np.array(sample["pixels"], np.uint8), sample["label"]
        less = (label + 1) % 10
        expected = maps(tensors, pixels, label, less)
        for name, asked in queries().items():
            tail = f"preprocess=none&deletion=false&target={label}&against={less}"
            request = urllib.request.Request(  # noqa: S310
                f"{url}/cnn/attribution?{asked}&{tail}",
                json.dumps({"pixels": sample["pixels"]}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                said = json.load(answer)
            found = next(t for t in said["tensors"] if t["name"] == "attribution")
            apart = float(np.abs(np.array(found["data"]) - expected[name]).max())
            largest = float(np.abs(expected[name]).max())
            before = worst.get(name, (0.0, 0.0))
            worst[name] = (max(before[0], apart), max(before[1], largest))
            if name == "integrated_gradients":
                delta = next(m["value"] for m in said["measures"] if m["name"] == "delta")
                apart = abs(delta - float(expected["delta"]))
                worst["delta"] = (max(worst.get("delta", (0.0, 0.0))[0], apart), abs(delta))
    for name, (apart, largest) in worst.items():
        line = f"{name:24} largest difference {apart:.1e}, of values up to {largest:.3g}\n"
        sys.stdout.write(line)


if __name__ == "__main__":
    main(*sys.argv[1:3])
