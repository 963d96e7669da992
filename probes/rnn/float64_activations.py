"""Activation functions in float64 on the host, with derivatives, for maps of states."""

from collections.abc import Callable, Mapping
from math import pi, sqrt

import numpy as np
from jaxtyping import Float

from models.declaration.operations import Activation

ComplexFunction = Callable[[np.ndarray, float], np.ndarray]
"""Float64 activation of complex values and a slope, whose pieces are chosen by the real part."""

IMAGINARY_STEP = 1e-30
"""Imaginary step by which a float64 activation is differentiated: nothing is subtracted."""

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Constants of the float64 activation selu: Klambauer et al. (2017)."""


def _above(value: np.ndarray, limit: float, inside: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(value.real > limit, inside, below)


def _elu(value: np.ndarray, alpha: float) -> np.ndarray:
    negative = _above(value, 0.0, 0.0 * value, value)
    return _above(value, 0.0, value, alpha * (np.exp(negative) - 1.0))


def _gelu(value: np.ndarray, _: float) -> np.ndarray:
    from scipy.special import erf  # noqa: PLC0415 - few networks have this activation

    return np.asarray(0.5 * value * (1.0 + erf(value / sqrt(2.0))))


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * value)))


def _softplus(value: np.ndarray) -> np.ndarray:
    # Of the magnitude, so that the exponential does not overflow.
    size = _above(value, 0.0, value, -value)
    return np.asarray(_above(value, 0.0, value, 0.0 * value) + np.log(1.0 + np.exp(-size)))


def _clipped(value: np.ndarray, high: float) -> np.ndarray:
    low = _above(value, 0.0, value, 0.0 * value)
    return _above(value, high, np.full_like(value, high), low)


def _gelu_tanh(value: np.ndarray, _: float) -> np.ndarray:
    inner = sqrt(2.0 / pi) * (value + 0.044715 * value**3)
    return np.asarray(0.5 * value * (1.0 + np.tanh(inner)))


FUNCTIONS: Mapping[str, ComplexFunction] = {
    "relu": lambda x, _: _above(x, 0.0, x, 0.0 * x),
    "relu6": lambda x, _: _clipped(x, 6.0),
    "leaky_relu": lambda x, slope: _above(x, 0.0, x, slope * x),
    "elu": _elu,
    "selu": lambda x, _: SELU_SCALE * _elu(x, SELU_ALPHA),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x, _: x * _sigmoid(x),
    "mish": lambda x, _: x * np.tanh(_softplus(x)),
    "sigmoid": lambda x, _: _sigmoid(x),
    "hard_sigmoid": lambda x, _: _clipped(x / 6.0 + 0.5, 1.0),
    "hard_swish": lambda x, _: x * _clipped(x / 6.0 + 0.5, 1.0),
    "tanh": lambda x, _: np.tanh(x),
    "softplus": lambda x, _: _softplus(x),
    "softsign": lambda x, _: _above(x, 0.0, x / (1.0 + x), x / (1.0 - x)),
    "exp": lambda x, _: np.exp(x),
}
"""Float64 activations by the name that a layer line has."""


def activated(
    operation: Activation, values: Float[np.ndarray, "*shape"]
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Return a float64 activation of values, and its derivative at each of them.

    References:
        Squire & Trapp (1998), Using complex variables to estimate derivatives of real functions.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        found = FUNCTIONS[operation.function](values + 1j * IMAGINARY_STEP, operation.slope)
    return found.real, found.imag / IMAGINARY_STEP
