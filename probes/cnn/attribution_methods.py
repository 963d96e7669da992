"""Eight attribution methods of the CNN: gradients, class activation maps and occlusion.

Each is a generator: it yields program calls, is sent their outputs, and returns a raw signed map
and the numbers by which the map can be checked.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field

from models.cnn.analyses import GRADIENT_BUCKETS, SCORE_BUCKETS
from models.runtime.programs import Call, Outputs, in_slices
from models.simple_networks import HEIGHT, WIDTH
from probes.cnn.activations import MapName
from probes.cnn.baselines import BaselineName, baseline
from probes.cnn.targets import TargetParameters
from probes.shared.quadrature import gauss_legendre

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
MAX_NODES = 256
"""Most nodes of integrated gradients that a request may name."""

CAMS = ("grad_cam", "hirescam", "layer_cam")

Image = Float32[np.ndarray, "28 28"]
MethodRun = Generator[Sequence[Call], list[Outputs], Mapping[str, np.ndarray]]


class MethodParameters(TargetParameters):
    """Parameters that choose one of the CNN's attribution methods, and the settings of each."""

    method: MethodName = Field(
        "integrated_gradients",
        description="`gradient`; `gradient_x_input`; `smoothgrad`, the mean gradient of noisy "
        "copies; `integrated_gradients`, from a baseline; `grad_cam`, `hirescam` and `layer_cam`, "
        "class activation maps of a layer; `occlusion`, loss of the target by a covered window. "
        "Maps of `grad_cam` often rank pixels worse than random order does (`unfaithful`).",
    )
    layer: MapName = Field("relu3", description="Layer of `grad_cam`, `hirescam`, `layer_cam`.")
    baseline: BaselineName = Field(
        "black",
        description="Baseline of `integrated_gradients`, `occlusion` and the deletion curves: "
        "`black`, `white`, the `mean` of the training images, or the image with a Gaussian `blur`. "
        "Integrated gradients of a pixel that equals the baseline are exactly 0; with `white` they "
        "depend on the rule for ties in even areas (`pool-ties`).",
    )
    nodes: int = Field(
        50,
        ge=2,
        le=MAX_NODES,
        description="Gauss-Legendre nodes of `integrated_gradients`; more of them reduce `delta`, "
        "which is often above 5 % with 50 (warning `incomplete`) and seldom with 256.",
    )
    samples: int = Field(50, ge=1, le=256, description="Noisy copies of `smoothgrad`.")
    noise: float = Field(
        0.15, ge=0.0, le=1.0, description="Standard deviation of `smoothgrad`; white is 1."
    )
    seed: int = Field(
        0, ge=0, lt=2**32, description="Seed of `smoothgrad` and of the random deletion order."
    )
    window: int = Field(5, ge=1, le=28, description="Side of the window of `occlusion`, pixels.")
    stride: int = Field(
        2,
        ge=1,
        le=28,
        description="Stride of the window of `occlusion` in pixels; at most the window's side "
        "covers all pixels.",
    )


def rows(parameters: MethodParameters) -> int:
    """Return the number of program rows that an attribution method of the CNN takes."""
    match parameters.method:
        case "integrated_gradients":
            return parameters.nodes + 2
        case "smoothgrad":
            return parameters.samples
        case "occlusion":
            return len(windows(parameters.window, parameters.stride)) + 1
        case _:
            return 1


@dataclass(frozen=True, eq=False)
class MethodInput:
    """Input of the CNN's attribution methods: image, target logit weights and settings.

    Attributes:
        image: Intensities in [0, 1].
        target: Logit weights of the attribution target.
        parameters: Method and its settings.
        checkpoint: Name of the parameter set that the network has; None for the served weights.
    """

    image: Image
    target: Float32[np.ndarray, " classes"]
    parameters: MethodParameters
    checkpoint: str | None = None

    def call(self, program: str, image: Image, *outputs: str) -> Call:
        """Return the call of a gradient program that an attribution method makes for one image."""
        row = {"image": image, "target": self.target}
        return Call(f"{program}", row, frozenset(outputs), self.checkpoint)


def attribute(given: MethodInput) -> MethodRun:
    """Attribute the target logit to pixels with the attribution method that the parameters name.

    Returns:
        `map`, raw and signed, and the numbers by which the method can be checked.
    """
    return (yield from _METHODS[given.parameters.method](given))


def _gradients(
    given: MethodInput, images: Iterator[Image]
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Return gradients and logits of the images that a gradient-based attribution method makes."""
    calls = (given.call("gradient", image, "gradient", "logits") for image in images)
    # Two full batches per slice: the device has work while the next calls are made.
    return (yield from in_slices(calls, 2 * GRADIENT_BUCKETS[-1]))


def _gradient(given: MethodInput) -> MethodRun:
    """Attribution method `gradient`: target by each pixel (Simonyan et al. 2013, section 3)."""
    (found,) = yield (given.call("gradient", given.image, "gradient"),)
    return {"map": found["gradient"]}


def _gradient_x_input(given: MethodInput) -> MethodRun:
    """Attribution method `gradient_x_input`: first-order effect of setting a pixel to 0."""
    found = yield from _gradient(given)
    return {"map": found["map"] * given.image}


def _smoothgrad(given: MethodInput) -> MethodRun:
    """Attribution method SmoothGrad: mean noisy gradient (Smilkov et al. 2017, section 3)."""
    image, parameters = given.image, given.parameters
    random = np.random.default_rng(parameters.seed)
    noisy = (
        image + random.normal(0.0, parameters.noise, image.shape).astype(np.float32)
        for _ in range(parameters.samples)
    )
    found = yield from _gradients(given, noisy)
    # Summed in float64: with many copies float32 would lose digits of the mean.
    gradients = np.stack([one["gradient"] for one in found])
    return {"map": gradients.mean(axis=0, dtype=np.float64).astype(np.float32)}


def _integrated_gradients(given: MethodInput) -> MethodRun:
    """Attribution method integrated gradients: image against baseline (Sundararajan et al. 2017).

    By Gauss-Legendre quadrature, in float64; `delta` is the map's sum minus the difference of the
    targets, which are equal in exact arithmetic (completeness).
    """
    start = baseline(given.parameters.baseline, given.image)
    path = given.image.astype(np.float64) - start
    places, weights = gauss_legendre(given.parameters.nodes)
    # The two ends give the targets of the completeness check, not a part of the integral.
    between = ((start + place * path).astype(np.float32) for place in (0.0, *places, 1.0))
    found = yield from _gradients(given, between)
    gradients = np.stack([one["gradient"] for one in found[1:-1]]).astype(np.float64)
    attribution = path * np.tensordot(weights, gradients, 1)
    of_baseline, of_input = (
        float(found[end]["logits"].astype(np.float64) @ given.target) for end in (0, -1)
    )
    delta = attribution.sum() - (of_input - of_baseline)
    terms = {"f_input": of_input, "f_baseline": of_baseline, "delta": delta}
    return {
        "map": attribution.astype(np.float32),
        **{key: np.asarray(value) for key, value in terms.items()},
    }


def scores(
    images: Iterator[Image], target: np.ndarray, checkpoint: str | None = None
) -> Generator[Sequence[Call], list[Outputs], Float[np.ndarray, " images"]]:
    """Return the attribution target of each image, a weighted sum of its logits."""
    wanted = frozenset({"logits"})
    calls = (Call("score", {"image": image}, wanted, checkpoint) for image in images)
    found = yield from in_slices(calls, 2 * SCORE_BUCKETS[-1])
    logits = np.stack([one["logits"] for one in found]).astype(np.float64)
    return logits @ target.astype(np.float64)


def windows(side: int, stride: int) -> list[tuple[slice, slice]]:
    """Return the windows of the attribution method `occlusion`, from the top left, clipped."""

    def along(size: int) -> list[slice]:
        # Rounded up: the last window reaches the border, and is clipped there.
        steps = max(0, -(-(size - side) // stride))
        return [slice(step * stride, min(step * stride + side, size)) for step in range(steps + 1)]

    return [(rows, columns) for rows in along(HEIGHT) for columns in along(WIDTH)]


def _occlusion(given: MethodInput) -> MethodRun:
    """Attribution method `occlusion`: target lost by covering a window (Zeiler & Fergus 2014).

    A pixel's value is the mean over the windows that cover it, 0 without one (section 4.2).
    """
    image, parameters = given.image, given.parameters
    places = windows(parameters.window, parameters.stride)
    cover = baseline(parameters.baseline, image)

    def covered() -> Iterator[Image]:
        yield image
        for place in places:
            one = image.copy()
            one[place] = cover[place]
            yield one

    found = yield from scores(covered(), given.target, given.checkpoint)
    lost, count = np.zeros(image.shape), np.zeros(image.shape)
    for place, score in zip(places, found[1:], strict=True):
        lost[place] += found[0] - score
        # Windows overlap where the stride is smaller than the side.
        count[place] += 1
    attribution = lost / np.maximum(count, 1)
    return {"map": attribution.astype(np.float32), "f_input": np.asarray(found[0])}


def _cam(given: MethodInput) -> MethodRun:
    """Attribution methods by class activation map: a layer's maps, weighted by gradients, summed.

    Grad-CAM weights by the mean over each map (Selvaraju et al. 2017, section 3), HiResCAM by the
    gradient itself (Draelos & Carin 2020), LayerCAM by its positive part (Jiang et al. 2021).
    """
    layer = given.parameters.layer
    wanted = (layer, f"{layer}.gradient")
    (found,) = yield (given.call("layer_gradient", given.image, *wanted),)
    values, gradient = (found[each].astype(np.float64) for each in wanted)
    match given.parameters.method:
        case "grad_cam":
            weights = gradient.mean(axis=(1, 2), keepdims=True)
        case "layer_cam":
            weights = np.maximum(gradient, 0.0)
        case _:
            weights = gradient
    return {"map": (weights * values).sum(axis=0).astype(np.float32)}


_METHODS: Mapping[str, Callable[[MethodInput], MethodRun]] = {
    "gradient": _gradient,
    "gradient_x_input": _gradient_x_input,
    "smoothgrad": _smoothgrad,
    "integrated_gradients": _integrated_gradients,
    "occlusion": _occlusion,
    **dict.fromkeys(CAMS, _cam),
}


def enlarged(values: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "28 28"]:
    """Enlarge a class activation map to 28x28: linear interpolation between values' centres."""
    rows, columns = (_spread(size) for size in values.shape)
    return np.asarray(rows @ values.astype(np.float64) @ columns.T)


def _spread(size: int) -> Float[np.ndarray, "28 size"]:
    """Return the linear interpolation matrix that enlarges a class activation map's side to 28."""
    at = np.clip((np.arange(HEIGHT) + 0.5) * size / HEIGHT - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(size)[None]))
