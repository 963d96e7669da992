"""Probe `descriptors`: Frei-Chen energies, orientation and spatial frequency of 3x3 filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Complex, Float, Int
from pydantic import Field

from models.architecture import Architecture
from probes.declaration import Parameters, Probe, ProbeContext
from probes.figures import colours
from probes.figures.colormaps import DIVERGING
from probes.figures.figures import Bars, Colour, Coordinates, Figure, Heatmap, Panels, Tensor, Tiles
from probes.shared.choices import LayerChoice, convolutions_3x3
from probes.shared.needs import CONVOLUTIONS_3X3

_ROOT = sqrt(2)

FREI_CHEN: Float[np.ndarray, "9 3 3"] = np.array(
    [
        np.array([[1, _ROOT, 1], [0, 0, 0], [-1, -_ROOT, -1]]) / (2 * _ROOT),
        np.array([[1, 0, -1], [_ROOT, 0, -_ROOT], [1, 0, -1]]) / (2 * _ROOT),
        np.array([[0, -1, _ROOT], [1, 0, -1], [-_ROOT, 1, 0]]) / (2 * _ROOT),
        np.array([[_ROOT, -1, 0], [-1, 0, 1], [0, 1, -_ROOT]]) / (2 * _ROOT),
        np.array([[0, 1, 0], [-1, 0, -1], [0, 1, 0]]) / 2,
        np.array([[-1, 0, 1], [0, 0, 0], [1, 0, -1]]) / 2,
        np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6,
        np.array([[-2, 1, -2], [1, 4, 1], [-2, 1, -2]]) / 6,
        np.ones((3, 3)) / 3,
    ]
)
"""Frei-Chen basis of the filter descriptors: four edges, four lines, and the mean.

The first two edges are the isotropic gradient, up and to the left. The basis is orthonormal: a
kernel's squared coefficients sum to its squared norm.

References:
    Frei & Chen (1977), Fast boundary detection: a generalization and a new algorithm.
"""

BASIS_COMPONENTS = tuple(f"edge{n}" for n in range(1, 5)) + tuple(f"line{n}" for n in range(1, 5))
BASIS_COMPONENTS += ("mean",)
GROUPS = {"edge": slice(0, 4), "line": slice(4, 8), "mean": slice(8, 9)}

NO_GRADIENT = 1e-6
"""Smallest share of a filter's squared norm at which its gradient has a direction."""

SIDE = 64
"""Side length in pixels of filters that are zero-padded for the Fourier transform."""

_TINY = 1e-300
"""Lower bound of a filter's norm in its descriptors, so that a filter of zeros has shares of 0."""

Ways = Complex[np.ndarray, "..."]
Kernels = Float[np.ndarray, "outputs inputs 3 3"]
Order = Literal["index", "norm", "edge", "line", "mean", "orientation", "frequency"]


def _first_convolution(architecture: Architecture) -> str:
    """Return the convolution whose filters are described where a request names none."""
    return next(iter(convolutions_3x3(architecture)), "")


class DescriptorsParameters(Parameters):
    """Parameters of the probe `descriptors`: layer of the filters, and order to show them in."""

    layer: Annotated[str, LayerChoice(convolutions_3x3, _first_convolution)] = Field(
        "", description="Convolution; default the first with 3x3 weights."
    )
    order: Order = Field(
        "edge",
        description="Order of the filters: by `index`; by norm, or by the share of edges, lines or "
        "the mean, descending; by orientation or frequency, ascending.",
    )


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Descriptors of one layer's filters: Frei-Chen energies, orientation, spatial frequency.

    Attributes:
        kernels: Kernels in float64, a slice for each input channel.
        energies: Squared coefficients of each slice in the Frei-Chen basis.
        gradients: Gradient of each slice as a complex number: real to the right, imaginary up.
    """

    kernels: Kernels
    energies: Float[np.ndarray, "outputs inputs 9"]
    gradients: Complex[np.ndarray, "outputs inputs"]

    @property
    def squared_norms(self) -> Float[np.ndarray, " outputs"]:
        """Filter descriptor: sum of the squared weights of each filter."""
        return np.asarray((self.kernels**2).sum(axis=(1, 2, 3)))

    @property
    def shares(self) -> Float[np.ndarray, "outputs 9"]:
        """Filter descriptor: share of each Frei-Chen component in the squared norm; 0 for zeros."""
        return np.asarray(self.energies.sum(axis=1) / self._whole[:, None])

    @property
    def orientation(self) -> Float[np.ndarray, " outputs"]:
        """Filter descriptor: orientation in degrees, from right to top; NaN without a gradient.

        With one input channel, the direction of the gradient, -180 to 180. With several, half the
        angle of the sum of squared gradients: the axis, 0 to 180, of slices whose gradients may
        have opposite directions.
        """
        if self.gradients.shape[1] == 1:
            return self.slice_orientation[:, 0]
        # Squaring doubles the angle, so that opposite gradients add up instead of cancelling.
        doubled = (self.gradients**2).sum(axis=1)
        return _degrees(doubled, np.abs(doubled) / self._whole) / 2 % 180

    @property
    def slice_orientation(self) -> Float[np.ndarray, "outputs inputs"]:
        """Filter descriptor: gradient direction of each slice, in degrees, -180 to 180."""
        whole = np.maximum((self.kernels**2).sum(axis=(2, 3)), _TINY)
        return _degrees(self.gradients, np.abs(self.gradients) ** 2 / whole)

    @property
    def coherence(self) -> Float[np.ndarray, " outputs"]:
        """Filter descriptor: agreement of the slices on one axis; 0 for none, 1 for full."""
        squared = self.gradients**2
        together = np.abs(squared.sum(axis=1))
        return np.asarray(together / np.maximum(np.abs(squared).sum(axis=1), _TINY))

    @property
    def peaks(self) -> Float[np.ndarray, "outputs 2"]:
        """Filter descriptor: peak spatial frequency over all slices, in cycles per pixel.

        Each slice's mean is removed first. NaN where nothing is left.
        """
        # Without this the constant part would dominate the power spectrum.
        centred = self.kernels - self.kernels.mean(axis=(2, 3), keepdims=True)
        flat = centred.reshape(*centred.shape[:2], 9)
        waves, frequencies = _waves()
        # Summed over slices, the power of a wave is a quadratic form of nine by nine.
        forms = np.einsum("oik,oil->okl", flat, flat)
        power = np.einsum("okl,kf,lf->of", forms, waves.conj(), waves, optimize=True).real
        # A real kernel has equal peaks at opposite frequencies: take the first of them.
        first = (power >= power.max(axis=1, keepdims=True) * (1 - 1e-9)).argmax(axis=1)
        left = np.einsum("okk->o", forms) / self._whole
        return np.where(left[:, None] > NO_GRADIENT, frequencies[first], np.nan)

    @property
    def _whole(self) -> Float[np.ndarray, " outputs"]:
        return np.asarray(np.maximum(self.squared_norms, _TINY))


def describe(kernels: Kernels) -> Descriptors:
    """Compute the descriptors of a layer's filters, in float64."""
    wide = kernels.astype(np.float64)
    coefficients = np.einsum("oiyx,cyx->oic", wide, FREI_CHEN)
    # The first two basis kernels are the gradient towards the top and towards the left.
    up, left = coefficients[..., 0], coefficients[..., 1]
    return Descriptors(wide, coefficients**2, -left + 1j * up)


def _degrees(ways: Ways, share: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return the angles of filter gradients in degrees; NaN where the gradient is too small."""
    return np.where(share > NO_GRADIENT, np.degrees(np.angle(ways)), np.nan)


@cache
def _waves() -> tuple[Ways, Float[np.ndarray, "waves 2"]]:
    """Return the waves of a filter's 64x64 Fourier transform at its nine weights, and frequencies.

    Half of the frequencies are enough: those that are not negative across.
    """
    down, across = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    y, x = np.divmod(np.arange(9), 3)
    phase = np.outer(y, down.ravel()) + np.outer(x, across.ravel())
    return np.exp(-2j * np.pi * phase), np.stack([across.ravel(), -down.ravel()], axis=-1)


def descriptors(context: ProbeContext[DescriptorsParameters]) -> Figure:
    """Frei-Chen energies, orientation and spatial frequency of a layer's 3×3 filters.

    `share` is each component's share of a filter's squared norm in the orthonormal Frei-Chen basis:
    four edges, four lines, the mean; summed over the input channels of the filter, so that
    `share` × `norm`² is the energy, and the nine sum to 1; `group` sums edges, lines and mean.
    `orientation` is in degrees from the right towards the top: of filters of one input channel the
    direction of the gradient, -180 to 180; of the others, whose slices may have opposite gradients,
    the axis of the sum of squared gradients, 0 to 180, with `coherence`, the agreement of the
    slices. `frequency` is the peak of the power spectrum (each slice minus its mean, zero-padded to
    64×64, summed over slices) in cycles per pixel, at most 0.71, and `angle` the direction across
    its stripes, 0 to 180. Orientation is NaN where the gradient has less than a millionth of the
    squared norm, frequency where the kernel is constant. Nine weights are too few to fit a Gabor
    function.
    """
    parameters = context.parameters
    kernels = context.model.weights[f"{parameters.layer}.kernel"].transpose(3, 2, 0, 1)
    found = describe(kernels)
    by_name = _columns(found)
    order = _sorted(by_name, parameters.order)
    names = {"output_channel": order.tolist()}
    several = [name for name in by_name if name not in GROUPS]
    parts = tuple(_statistic(name, by_name[name][order], names) for name in several)
    shares = (
        _shares("share", "Share of each component", BASIS_COMPONENTS, found.shares[order], names),
        _shares("group", "Together", tuple(GROUPS), _grouped(found.shares)[order], names),
    )
    title = f"{parameters.layer}, filters by {parameters.order}"
    if kernels.shape[1] == 1:
        tiles = Tiles("Kernels", _kernel_tensor(kernels[order, 0], names), 16)
        return Panels(title, (tiles, *shares, *parts))
    return Panels(title, (*shares, *parts, *_slices(found, order)))


def _grouped(components: Float[np.ndarray, "*rows 9"]) -> Float[np.ndarray, "*rows 3"]:
    """Sum Frei-Chen components of filters into edge, line and mean energy."""
    return np.stack([components[..., part].sum(axis=-1) for part in GROUPS.values()], axis=-1)


def _columns(found: Descriptors) -> dict[str, Float[np.ndarray, " outputs"]]:
    """Return the scalar filter descriptors by name, a value for each filter."""
    across, upward = found.peaks.T
    columns = dict(zip(GROUPS, _grouped(found.shares).T, strict=True)) | {
        "norm": np.sqrt(found.squared_norms),
        "orientation": found.orientation,
        "frequency": np.hypot(across, upward),
        "angle": np.degrees(np.arctan2(upward, across)) % 180,
    }
    several = found.gradients.shape[1] > 1
    return columns | ({"coherence": found.coherence} if several else {})


def _shares(
    name: str,
    title: str,
    components: tuple[str, ...],
    values: Float[np.ndarray, "outputs components"],
    names: Coordinates,
) -> Heatmap:
    tensor = Tensor(
        name,
        "statistic",
        ("component", "output_channel"),
        _narrow(values.T),
        {"component": components, **names},
        colours.unit_interval("viridis"),
    )
    return Heatmap(title, tensor, "output_channel")


def _sorted(columns: Mapping[str, np.ndarray], order: Order) -> Int[np.ndarray, " outputs"]:
    """Return the indices of the filters, sorted by one of the descriptors, NaN last."""
    if order == "index":
        return np.arange(len(columns["norm"]))
    rising = order in {"orientation", "frequency"}
    return np.argsort(columns[order] if rising else -columns[order], kind="stable")


def _statistic(name: str, values: np.ndarray, names: Coordinates) -> Bars:
    limits = (0.0, 1.0) if name == "coherence" else None
    tensor = Tensor(name, "statistic", ("output_channel",), values.astype(np.float32), names)
    unit = {"orientation": "degrees", "angle": "degrees", "frequency": "cycles per pixel"}.get(name)
    title = name.capitalize()
    return Bars(f"{title}, in {unit}" if unit else title, tensor, limits)


def _kernel_tensor(kernels: np.ndarray, names: Coordinates) -> Tensor:
    values, axes = np.ascontiguousarray(kernels), ("output_channel", "y", "x")
    return Tensor("kernel", "filter", axes, values, names, colours.signed(values))


def _slices(found: Descriptors, order: Int[np.ndarray, " outputs"]) -> list[Heatmap]:
    """Heatmaps of the Frei-Chen energies and the orientation of each filter slice."""
    names, axes = {"output_channel": order.tolist()}, ("input_channel", "output_channel")
    energies = _grouped(found.energies[order])
    energy = colours.non_negative(energies, "viridis")
    around = Colour(DIVERGING, -180.0, 180.0, "fixed")
    maps = [
        (f"slice.{name}", f"Energy of the {name} in each slice", energies[..., at], energy)
        for at, name in enumerate(GROUPS)
    ]
    turned = found.slice_orientation[order]
    maps.append(("slice.orientation", "Orientation of each slice, degrees", turned, around))
    return [
        Heatmap(
            title,
            Tensor(name, "statistic", axes, _narrow(values.T), names, colour),
            "output_channel",
        )
        for name, title, values, colour in maps
    ]


def _narrow(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.astype(np.float32))


PROBES = (
    Probe(
        family="image",
        name="descriptors",
        figure=descriptors,
        parameters=DescriptorsParameters,
        input=False,
        checkpoints=True,
        example={"layer": "conv1"},
        needs=(CONVOLUTIONS_3X3,),
    ),
)
