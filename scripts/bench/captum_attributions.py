"""Time of Captum's attribution methods on PyTorch, run in a virtual environment of its own.

`python -m scripts.bench.captum_attributions` prints seconds by method as JSON.
"""

import json
import time
from collections.abc import Callable

import numpy as np
import torch  # type: ignore[import-not-found]
from captum import attr  # type: ignore[import-not-found]
from safetensors.numpy import load_file

from scripts.bench.servers.network import cnn
from scripts.bench.servers.shipped_files import SAMPLES

ROWS, REPEATS, LABEL = 16, 15, 7


def best(function: Callable[[], object]) -> float:
    """Return the shortest of several timings of a Captum attribution, in seconds."""
    function()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Time the attribution methods of Captum as documented; occlusion also in one batch."""
    model = cnn().requires_grad_(requires_grad=False)
    pixels = load_file(SAMPLES)["images"][0]
    image = torch.from_numpy(pixels.astype(np.float32) / 255)[None, None]
    batch = torch.rand(ROWS, 1, 28, 28)
    integrated, occlusion = attr.IntegratedGradients(model), attr.Occlusion(model)
    saliency = attr.Saliency(model)
    smooth = attr.NoiseTunnel(saliency)
    grad_cam = attr.LayerGradCam(model, model.relu3)
    shape, strides = (1, 3, 3), (1, 2, 2)

    def occlude(at_once: int) -> None:
        occlusion.attribute(image, shape, strides, 0.0, LABEL, perturbations_per_eval=at_once)

    def forward() -> None:
        with torch.no_grad():
            model(batch)

    found = {
        "integrated_gradients": best(
            lambda: integrated.attribute(image, target=LABEL, n_steps=50, method="gausslegendre")
        ),
        "occlusion": best(lambda: occlude(1)),
        "occlusion, 196 at once": best(lambda: occlude(196)),
        "grad_cam": best(lambda: grad_cam.attribute(image, target=LABEL)),
        "smoothgrad": best(
            lambda: smooth.attribute(image, nt_samples=50, stdevs=0.15, target=LABEL, abs=False)
        ),
        "gradient": best(lambda: saliency.attribute(batch, target=LABEL, abs=False)),
        "forward": best(forward),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
