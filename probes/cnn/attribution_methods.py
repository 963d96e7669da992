"""Attribution: how much each pixel counts for what the network says, by eight methods.

Each is a generator over the rows of a program: it yields calls and is sent what they gave, and ends
with a raw signed map and the numbers by which the map can be checked.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field

from models.architecture import HEIGHT, WIDTH
from models.cnn.analyses import GRADIENT_BUCKETS, SCORE_BUCKETS
from models.runtime.programs import Call, Outputs, in_slices
from probes.cnn.activations import MapName
from probes.cnn.baselines import BaselineName, baseline
from probes.cnn.targets import Targeted
from probes.shared.quadrature import nodes

MethodName = Literal[
    "gradient",
    "gradient_x_input",
    "smoothgrad",
    "integrated_gradients",
    "grad_cam",
    "hirescam",
    "layer_cam",
    "occlusion",
]
METHODS = get_args(MethodName)
CAMS = ("grad_cam", "hirescam", "layer_cam")

Image = Float32[np.ndarray, "28 28"]
Checkpoint = str | None
"""Name of other parameters; None for those that are served."""

Way = Generator[Sequence[Call], list[Outputs], Mapping[str, np.ndarray]]


class MethodParameters(Targeted):
    """Which attribution, of what."""

    method: MethodName = Field(
        "integrated_gradients",
        description="`gradient`; `gradient_x_input`; `smoothgrad`, the mean gradient of noisy "
        "copies; `integrated_gradients`, along the way from a baseline; `grad_cam`, `hirescam` and "
        "`layer_cam`, at a layer; `occlusion`, what is lost when a window is covered.",
    )
    layer: MapName = Field("relu3", description="Of `grad_cam`, `hirescam`, `layer_cam`: where.")
    baseline: BaselineName = Field(
        "black",
        description="What takes the place of ink, for `integrated_gradients`, `occlusion` and the "
        "deletion curve: `black`, `white`, the `mean` of the training images, or the picture "
        "`blur`red. Where a pixel is the baseline's, integrated gradients give exactly 0.",
    )
    nodes: int = Field(
        50, ge=2, le=256, description="Of `integrated_gradients`: Gauss-Legendre nodes on the way."
    )
    samples: int = Field(50, ge=1, le=256, description="Of `smoothgrad`: noisy copies.")
    noise: float = Field(
        0.15, ge=0.0, le=1.0, description="Of `smoothgrad`: standard deviation; full ink is 1."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Of `smoothgrad`, and of random deletion.")
    window: int = Field(5, ge=1, le=28, description="Of `occlusion`: side of the window, pixels.")
    stride: int = Field(
        2,
        ge=1,
        le=28,
        description="Of `occlusion`: pixels from one window to the next; at most the window's side "
        "for every pixel to be covered.",
    )


def rows(parameters: MethodParameters) -> int:
    """Return how many rows a method makes."""
    match parameters.method:
        case "integrated_gradients":
            return parameters.nodes + 2
        case "smoothgrad":
            return parameters.samples
        case "occlusion":
            return len(windows(parameters.window, parameters.stride)) + 1
        case _:
            return 1


def attribute(
    image: Image,
    target: Float32[np.ndarray, " classes"],
    parameters: MethodParameters,
    checkpoint: Checkpoint = None,
) -> Way:
    """Attribute with the method that the parameters name.

    Args:
        image: Intensities in [0, 1].
        target: What each logit counts for.
        parameters: The method and its settings.
        checkpoint: Name of other parameters than the served ones.

    Returns:
        `map`, raw and signed, and what else the method says of itself.
    """
    if parameters.method in CAMS:
        return (yield from _cam(image, target, parameters, checkpoint))
    return (yield from _BY_PIXELS[parameters.method](image, target, parameters, checkpoint))


def _call(
    program: str, image: Image, target: np.ndarray, checkpoint: Checkpoint, *outputs: str
) -> Call:
    row = {"image": image, "target": target}
    return Call(f"cnn.{program}", row, frozenset(outputs), checkpoint)


def _gradients(
    images: Iterator[Image], target: np.ndarray, checkpoint: Checkpoint
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Return gradient and logits at several images."""
    calls = (_call("gradient", one, target, checkpoint, "gradient", "logits") for one in images)
    return (yield from in_slices(calls, 2 * GRADIENT_BUCKETS[-1]))


def _gradient(image: Image, target: np.ndarray, _: MethodParameters, checkpoint: Checkpoint) -> Way:
    """Differentiate the target with respect to every pixel (Simonyan et al. 2013, section 3)."""
    (found,) = yield (_call("gradient", image, target, checkpoint, "gradient"),)
    return {"map": found["gradient"]}


def _gradient_x_input(
    image: Image, target: np.ndarray, _: MethodParameters, checkpoint: Checkpoint
) -> Way:
    """Multiply the gradient with the picture: what the network would lose to first order."""
    found = yield from _gradient(image, target, _, checkpoint)
    return {"map": found["map"] * image}


def _smoothgrad(
    image: Image, target: np.ndarray, parameters: MethodParameters, checkpoint: Checkpoint
) -> Way:
    """Average the gradient over noisy copies (Smilkov et al. 2017, section 3)."""
    random = np.random.default_rng(parameters.seed)
    noisy = (
        image + random.normal(0.0, parameters.noise, image.shape).astype(np.float32)
        for _ in range(parameters.samples)
    )
    found = yield from _gradients(noisy, target, checkpoint)
    gradients = np.stack([one["gradient"] for one in found])
    return {"map": gradients.mean(axis=0, dtype=np.float64).astype(np.float32)}


def _integrated_gradients(
    image: Image, target: np.ndarray, parameters: MethodParameters, checkpoint: Checkpoint = None
) -> Way:
    """Add up the gradient on the straight way from the baseline (Sundararajan et al. 2017).

    By Gauss-Legendre quadrature, in float64; `delta` is what the map's sum lacks of the difference
    that it should add up to.
    """
    start = baseline(parameters.baseline, image)
    way = image.astype(np.float64) - start
    places, weights = nodes(parameters.nodes)
    between = ((start + place * way).astype(np.float32) for place in (0.0, *places, 1.0))
    found = yield from _gradients(between, target, checkpoint)
    gradients = np.stack([one["gradient"] for one in found[1:-1]]).astype(np.float64)
    attribution = way * np.tensordot(weights, gradients, 1)
    of_baseline, of_input = (
        float(found[end]["logits"].astype(np.float64) @ target) for end in (0, -1)
    )
    delta = attribution.sum() - (of_input - of_baseline)
    said = {"f_input": of_input, "f_baseline": of_baseline, "delta": delta}
    return {
        "map": attribution.astype(np.float32),
        **{key: np.asarray(value) for key, value in said.items()},
    }


def scores(
    images: Iterator[Image], target: np.ndarray, checkpoint: Checkpoint = None
) -> Generator[Sequence[Call], list[Outputs], Float[np.ndarray, " images"]]:
    """Return the target of each image: a weighted sum of its logits."""
    wanted = frozenset({"logits"})
    calls = (Call("cnn.score", {"image": image}, wanted, checkpoint) for image in images)
    found = yield from in_slices(calls, 2 * SCORE_BUCKETS[-1])
    logits = np.stack([one["logits"] for one in found]).astype(np.float64)
    return logits @ target.astype(np.float64)


def windows(side: int, stride: int) -> list[tuple[slice, slice]]:
    """Lay windows over the picture from the top left until it is covered; the last are cut off."""

    def along(size: int) -> list[slice]:
        steps = max(0, -(-(size - side) // stride))
        return [slice(step * stride, min(step * stride + side, size)) for step in range(steps + 1)]

    return [(rows, columns) for rows in along(HEIGHT) for columns in along(WIDTH)]


def _occlusion(
    image: Image, target: np.ndarray, parameters: MethodParameters, checkpoint: Checkpoint
) -> Way:
    """Cover a window with the baseline and see what is lost (Zeiler & Fergus 2014, section 4.2).

    A pixel's value is the mean over the windows that cover it; 0 where none does.
    """
    places = windows(parameters.window, parameters.stride)
    cover = baseline(parameters.baseline, image)

    def covered() -> Iterator[Image]:
        yield image
        for place in places:
            one = image.copy()
            one[place] = cover[place]
            yield one

    found = yield from scores(covered(), target, checkpoint)
    lost, count = np.zeros(image.shape), np.zeros(image.shape)
    for place, score in zip(places, found[1:], strict=True):
        lost[place] += found[0] - score
        count[place] += 1
    attribution = lost / np.maximum(count, 1)
    return {"map": attribution.astype(np.float32), "f_input": np.asarray(found[0])}


def _cam(
    image: Image, target: np.ndarray, parameters: MethodParameters, checkpoint: Checkpoint
) -> Way:
    """Weigh the maps of a layer by the gradient at them, and add them up over channels.

    Grad-CAM weighs by the mean over each map (Selvaraju et al. 2017, section 3), HiResCAM value by
    value (Draelos & Carin 2020), LayerCAM by the positive part of that (Jiang et al. 2021).
    """
    layer = parameters.layer
    wanted = (layer, f"{layer}.gradient")
    (found,) = yield (_call("layer_gradient", image, target, checkpoint, *wanted),)
    values, gradient = (found[each].astype(np.float64) for each in wanted)
    match parameters.method:
        case "grad_cam":
            weights = gradient.mean(axis=(1, 2), keepdims=True)
        case "layer_cam":
            weights = np.maximum(gradient, 0.0)
        case _:
            weights = gradient
    return {"map": (weights * values).sum(axis=0).astype(np.float32)}


_BY_PIXELS: Mapping[str, Callable[[Image, np.ndarray, MethodParameters, Checkpoint], Way]] = {
    "gradient": _gradient,
    "gradient_x_input": _gradient_x_input,
    "smoothgrad": _smoothgrad,
    "integrated_gradients": _integrated_gradients,
    "occlusion": _occlusion,
}


def enlarged(values: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "28 28"]:
    """Bring a map to the size of the picture, linearly between the centres of its values."""
    rows, columns = (_spread(size) for size in values.shape)
    return np.asarray(rows @ values.astype(np.float64) @ columns.T)


def _spread(size: int) -> Float[np.ndarray, "28 size"]:
    """Return the matrix that enlarges a line of so many values to 28."""
    at = np.clip((np.arange(HEIGHT) + 0.5) * size / HEIGHT - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(size)[None]))
