"""Attribution maps of the CNN in NumPy and float64, straight from their definitions.

Batches of images run forward and backward through the network; nothing is shared with the code
that is measured, apart from the images of the baselines.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Tensors = Mapping[str, np.ndarray]
Ties = Literal["first", "shared"]
Edit = Callable[[str, np.ndarray], np.ndarray]
"""From the name of a layer and its values to the values that the next layer reads."""

TIE = 1e-9
"""Share of a pooling window's maximum below which two of its values count as tied."""

BATCH = 64
"""Images of one pass: its maps take some 50 MB."""


@dataclass
class Pass:
    """Values of one forward pass, and how its poolings share a gradient."""

    maps: dict[str, np.ndarray]
    routes: dict[str, np.ndarray] = field(default_factory=dict)


def patches(maps: np.ndarray) -> np.ndarray:
    """3x3 neighbourhoods of maps with a border of zeros, flattened as a kernel is."""
    framed = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), (1, 2))
    return seen.transpose(0, 1, 2, 4, 5, 3).reshape(*maps.shape[:3], -1)


class Network:
    """The CNN in float64, forward and backward.

    Args:
        tensors: Parameters of a checkpoint.
        ties: Gradient of equal values in a pooling window: to the `first`, in row order, or
            `shared` equally among those within `TIE` of the maximum.
    """

    def __init__(self, tensors: Tensors, ties: Ties = "first") -> None:
        self.wide = {name: value.astype(np.float64) for name, value in tensors.items()}
        self.ties = ties

    def forward(self, images: np.ndarray, edit: Edit = lambda _, value: value) -> Pass:
        """Classify images of intensities; the value that an edit returns is passed on."""
        wide, maps = self.wide, images.astype(np.float64)[..., None]
        made = Pass({})

        def keep(name: str, value: np.ndarray) -> np.ndarray:
            made.maps[name] = edit(name, value)
            return made.maps[name]

        for number in (1, 2, 3):
            kernel, bias = wide[f"conv{number}.kernel"], wide[f"conv{number}.bias"]
            convolved = patches(maps) @ kernel.reshape(-1, kernel.shape[-1]) + bias
            maps = keep(f"relu{number}", np.maximum(keep(f"conv{number}", convolved), 0))
            if number < 3:
                pooled, made.routes[f"pool{number}"] = self._pool(maps)
                maps = keep(f"pool{number}", pooled)
        flat = maps.reshape(len(maps), -1)
        dense = keep("dense1", flat @ wide["dense1.kernel"] + wide["dense1.bias"])
        last = keep("relu4", np.maximum(dense, 0))
        keep("logits", last @ wide["output.kernel"] + wide["output.bias"])
        return made

    def _pool(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Largest value of every 2x2 window, and the share of each value in its gradient."""
        corners = np.stack([maps[:, y::2, x::2] for y in (0, 1) for x in (0, 1)])
        largest = corners.max(0)
        tied = corners >= largest - TIE * np.abs(largest)
        if self.ties == "first":
            tied &= tied.argmax(0) == np.arange(4)[:, None, None, None, None]
        return largest, tied / tied.sum(0)

    def backward(self, made: Pass, target: np.ndarray) -> dict[str, np.ndarray]:
        """Gradients of a weighted sum of the logits by the image and by every map."""
        wide = self.wide
        back = (target @ wide["output.kernel"].T) * (made.maps["dense1"] > 0)
        flat = back @ wide["dense1.kernel"].T
        found = {"relu3": flat.reshape(made.maps["relu3"].shape)}
        for number in (3, 2, 1):
            if number < 3:
                pooled = found[f"pool{number}"]
                unpooled = np.zeros(made.maps[f"relu{number}"].shape)
                for at, (y, x) in enumerate((y, x) for y in (0, 1) for x in (0, 1)):
                    unpooled[:, y::2, x::2] = pooled * made.routes[f"pool{number}"][at]
                found[f"relu{number}"] = unpooled
            before = found[f"relu{number}"] * (made.maps[f"conv{number}"] > 0)
            found[f"conv{number}"] = before
            kernel = wide[f"conv{number}.kernel"]
            turned = kernel[::-1, ::-1].swapaxes(2, 3)
            below = patches(before) @ turned.reshape(-1, turned.shape[-1])
            found[f"pool{number - 1}" if number > 1 else "image"] = below
        return found | {"image": found["image"][..., 0]}

    def gradients(self, images: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Gradient of the target by each image."""
        parts = np.split(images, range(BATCH, len(images), BATCH))
        return np.concatenate([self.backward(self.forward(one), target)["image"] for one in parts])

    def scores(self, images: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Target of each image."""
        parts = np.split(images, range(BATCH, len(images), BATCH))
        return np.concatenate([self.forward(one).maps["logits"] @ target for one in parts])

    def layer(self, image: np.ndarray, target: np.ndarray, name: str) -> tuple[np.ndarray, ...]:
        """Maps of a layer, channel last, and the gradient of the target by them."""
        made = self.forward(image[None])
        return made.maps[name][0], self.backward(made, target)[name][0]


def integrated_gradients(
    network: Network, image: np.ndarray, start: np.ndarray, target: np.ndarray, nodes: int
) -> np.ndarray:
    """Integrate the gradient along the straight path by Gauss-Legendre quadrature."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    path = image - start
    images = start + (places[:, None, None] + 1) / 2 * path
    return path * np.tensordot(weights / 2, network.gradients(images, target), 1)


def occlusion(
    network: Network,
    image: np.ndarray,
    cover: np.ndarray,
    target: np.ndarray,
    sides: tuple[int, int],
) -> np.ndarray:
    """Mean over the windows that cover a pixel of the target that is lost by covering them.

    Args:
        sides: Side and stride of the windows.
    """
    side, stride = sides
    starts = range(0, max(28 - side, 0) + stride, stride)
    masks = np.zeros((len(starts), len(starts), 28, 28), bool)
    for row, top in enumerate(starts):
        for column, left in enumerate(starts):
            masks[row, column, top : top + side, left : left + side] = True
    masks = masks.reshape(-1, 28, 28)
    masks = masks[masks.any((1, 2))]
    whole = network.scores(image[None], target)[0]
    lost = whole - network.scores(np.where(masks, cover, image), target)
    return (masks * lost[:, None, None]).sum(0) / np.maximum(masks.sum(0), 1)


def cam(network: Network, image: np.ndarray, target: np.ndarray, method: str, layer: str) -> Any:
    """Class activation map of a layer."""
    values, gradient = network.layer(image, target, layer)
    weights = {
        "grad_cam": gradient.mean((0, 1)),
        "layer_cam": np.maximum(gradient, 0),
        "hirescam": gradient,
    }[method]
    return (weights * values).sum(-1)
