"""Eight attribution methods of image networks: gradients, class activation maps and occlusion.

Each is a generator: it yields program calls, is sent their outputs, and returns a raw signed map
and the numbers by which the map can be checked.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.runtime.programs import Call, Outputs, in_slices
from probes.cnn.activations import LastMapName
from probes.cnn.baselines import BaselineName, baseline
from probes.cnn.images import Image, deviations
from probes.cnn.targets import TargetParameters
from probes.shared.choices import SideChoice
from probes.shared.held_bytes import floats, in_flight, kept
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

MethodRun = Generator[Sequence[Call], list[Outputs], Mapping[str, np.ndarray]]


class MethodParameters(TargetParameters):
    """Parameters that choose an attribution method of images, and the settings of each."""

    method: MethodName = Field(
        "integrated_gradients",
        description="`gradient`; `gradient_x_input`; `smoothgrad`, the mean gradient of noisy "
        "copies; `integrated_gradients`, from a baseline; `grad_cam`, `hirescam` and `layer_cam`, "
        "class activation maps of a layer; `occlusion`, loss of the target by a covered window. "
        "Maps of `grad_cam` often rank pixels worse than random order does (`unfaithful`).",
    )
    layer: LastMapName = Field(
        "",
        description="Layer of `grad_cam`, `hirescam`, `layer_cam`; default the last with maps.",
    )
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
    window: Annotated[int, SideChoice(5, of=28)] = Field(
        5, ge=1, description="Side of the window of `occlusion`, pixels."
    )
    stride: Annotated[int, SideChoice(2, of=28)] = Field(
        2,
        ge=1,
        description="Stride of the window of `occlusion` in pixels; at most the window's side "
        "covers all pixels.",
    )


def rows(parameters: MethodParameters, architecture: Architecture) -> int:
    """Return the number of program rows that an attribution method of a network takes."""
    match parameters.method:
        case "integrated_gradients":
            return parameters.nodes + 2
        case "smoothgrad":
            return parameters.samples
        case "occlusion":
            image = architecture.image
            shape = (image.height, image.width)
            return len(windows(parameters.window, parameters.stride, shape)) + 1
        case _:
            return 1


def held(parameters: MethodParameters, architecture: Architecture) -> int:
    """Return the bytes that an attribution method of a network holds."""
    layout, count = layout_of(architecture), rows(parameters, architecture)
    image, logits = floats(*layout.image_shape), floats(len(architecture.classes))
    match parameters.method:
        case "integrated_gradients" | "smoothgrad":
            found = in_flight(min(count, 2 * layout.gradient_buckets[-1]), image, image)
            # Of each row a gradient, stacked in float32, then summed in float64.
            return found + kept(count, 3 * image)
        case "occlusion":
            return scores_held(architecture, count)
        case "gradient" | "gradient_x_input":
            return in_flight(1, image, 4 * image)
        case _:
            maps = floats(*architecture.layers[parameters.layer].shape)
            # Maps and gradients, then both and their product in float64.
            return in_flight(1, image, 2 * maps) + 8 * maps + logits


def scores_held(architecture: Architecture, images: int) -> int:
    """Return the bytes that `scores` of a number of images holds, for attribution methods."""
    layout, logits = layout_of(architecture), floats(len(architecture.classes))
    flying = min(images, 2 * layout.score_buckets[-1])
    return in_flight(flying, floats(*layout.image_shape), logits) + kept(images, 4 * logits)


@dataclass(frozen=True, eq=False)
class MethodInput:
    """Input of attribution methods: image, target logit weights and settings.

    Attributes:
        architecture: Architecture of the network.
        image: Values that the network reads: of MNIST intensities in [0, 1].
        target: Logit weights of the attribution target.
        parameters: Method and its settings.
        checkpoint: Name of the parameter set that the network has; None for the served weights.
    """

    architecture: Architecture
    image: Image
    target: Float32[np.ndarray, " classes"]
    parameters: MethodParameters
    checkpoint: str | None = None

    def call(self, program: str, image: Image, *outputs: str) -> Call:
        """Return the call of a gradient program that an attribution method makes for one image."""
        row = {"image": image, "target": self.target}
        return Call(program, row, frozenset(outputs), self.checkpoint)


def attribute(given: MethodInput) -> MethodRun:
    """Attribute the target logit to pixels with the attribution method that the parameters name.

    Returns:
        `map`, raw and signed, and the numbers by which the method can be checked; of an RGB image
        also `by_channel`, whose sum over the channels the map is.
    """
    return (yield from _METHODS[given.parameters.method](given))


def _gradients(
    given: MethodInput, images: Iterator[Image]
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Return gradients and logits of the images that a gradient-based attribution method makes."""
    calls = (given.call("gradient", image, "gradient", "logits") for image in images)
    # Two full batches per slice: the device has work while the next calls are made.
    largest = layout_of(given.architecture).gradient_buckets[-1]
    return (yield from in_slices(calls, 2 * largest))


def _by_pixel(values: Float[np.ndarray, "height width *channels"]) -> dict[str, np.ndarray]:
    """Return an attribution by pixel: the sum over channels, and of several the values of each."""
    if values.ndim == 2:  # noqa: PLR2004 - rows and columns alone, of MNIST
        return {"map": values.astype(np.float32)}
    whole = {"map": values.sum(axis=-1, dtype=np.float64).astype(np.float32)}
    first = np.ascontiguousarray(np.moveaxis(values, -1, 0)).astype(np.float32)
    return whole | ({"by_channel": first} if len(first) > 1 else {})


def _gradient(given: MethodInput) -> MethodRun:
    """Attribution method `gradient`: target by each pixel (Simonyan et al. 2013, section 3)."""
    (found,) = yield (given.call("gradient", given.image, "gradient"),)
    return _by_pixel(found["gradient"])


def _gradient_x_input(given: MethodInput) -> MethodRun:
    """Attribution method `gradient_x_input`: first-order effect of setting a pixel to 0."""
    (found,) = yield (given.call("gradient", given.image, "gradient"),)
    return _by_pixel(found["gradient"] * given.image)


def _smoothgrad(given: MethodInput) -> MethodRun:
    """Attribution method SmoothGrad: mean noisy gradient (Smilkov et al. 2017, section 3)."""
    image, parameters = given.image, given.parameters
    random = np.random.default_rng(parameters.seed)
    unit = deviations(given.architecture)
    noisy = (
        image + random.normal(0.0, parameters.noise, image.shape).astype(np.float32) / unit
        for _ in range(parameters.samples)
    )
    found = yield from _gradients(given, noisy)
    # Summed in float64: with many copies float32 would lose digits of the mean.
    gradients = np.stack([one["gradient"] for one in found])
    return _by_pixel(gradients.mean(axis=0, dtype=np.float64))


def _integrated_gradients(given: MethodInput) -> MethodRun:
    """Attribution method integrated gradients: image against baseline (Sundararajan et al. 2017).

    By Gauss-Legendre quadrature, in float64; `delta` is the map's sum minus the difference of the
    targets, which are equal in exact arithmetic (completeness).
    """
    start = baseline(given.parameters.baseline, given.image, given.architecture)
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
        **_by_pixel(attribution),
        **{key: np.asarray(value) for key, value in terms.items()},
    }


def scores(
    given: MethodInput, images: Iterator[Image]
) -> Generator[Sequence[Call], list[Outputs], Float[np.ndarray, " images"]]:
    """Return the attribution target of each image, a weighted sum of its logits."""
    wanted = frozenset({"logits"})
    calls = (Call("score", {"image": image}, wanted, given.checkpoint) for image in images)
    largest = layout_of(given.architecture).score_buckets[-1]
    found = yield from in_slices(calls, 2 * largest)
    logits = np.stack([one["logits"] for one in found]).astype(np.float64)
    return logits @ given.target.astype(np.float64)


def windows(side: int, stride: int, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return the windows of the attribution method `occlusion`, from the top left, clipped."""

    def along(size: int) -> list[slice]:
        # Rounded up: the last window reaches the border, and is clipped there.
        steps = max(0, -(-(size - side) // stride))
        return [slice(step * stride, min(step * stride + side, size)) for step in range(steps + 1)]

    return [(rows, columns) for rows in along(shape[0]) for columns in along(shape[1])]


def _occlusion(given: MethodInput) -> MethodRun:
    """Attribution method `occlusion`: target lost by covering a window (Zeiler & Fergus 2014).

    A pixel's value is the mean over the windows that cover it, 0 without one (section 4.2).
    """
    image, parameters = given.image, given.parameters
    height, width = image.shape[:2]
    places = windows(parameters.window, parameters.stride, (height, width))
    cover = baseline(parameters.baseline, image, given.architecture)

    def covered() -> Iterator[Image]:
        yield image
        for place in places:
            one = image.copy()
            one[place] = cover[place]
            yield one

    found = yield from scores(given, covered())
    lost, count = np.zeros((height, width)), np.zeros((height, width))
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


def enlarged(
    values: Float[np.ndarray, "height width"], shape: tuple[int, int]
) -> Float[np.ndarray, "rows columns"]:
    """Enlarge a class activation map to an image: linear interpolation between values' centres.

    Args:
        shape: Rows and columns of the image.
    """
    rows, columns = (_spread(*each) for each in zip(values.shape, shape, strict=True))
    return np.asarray(rows @ values.astype(np.float64) @ columns.T)


def _spread(size: int, side: int) -> Float[np.ndarray, "side size"]:
    """Return the linear interpolation matrix that enlarges a class activation map's side."""
    at = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(size)[None]))
