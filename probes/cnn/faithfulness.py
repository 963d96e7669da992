"""Whether an attribution means something: deletion beside random order, and reset weights."""

from collections.abc import Generator, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from models.cnn.randomisation import CASCADE
from models.runtime.programs import Call, Outputs
from probes.cnn.attribution_methods import MethodParameters, attribute, scores
from probes.cnn.baselines import baseline

SHARES = tuple(range(0, 101, 5))
"""How much is deleted at each point of the curve, in per cent of the pixels that can be."""

RANDOM_ORDERS = 3
"""How many random orders the curve beside is the mean of."""

ROWS = 2 + (len(SHARES) - 2) * (1 + RANDOM_ORDERS)
"""How many rows the curves make."""

Image = Float32[np.ndarray, "28 28"]
Curve = Float[np.ndarray, " shares"]


def deletion(
    image: Image,
    values: Float[np.ndarray, "28 28"],
    target: Float32[np.ndarray, " classes"],
    parameters: MethodParameters,
) -> Generator[Sequence[Call], list[Outputs], tuple[Curve, Curve]]:
    """Replace pixels by the baseline, those first that count most, and follow the target.

    Only pixels that differ from the baseline are counted, in either order: to replace ground by
    ground would make any order of them look bad.

    Returns:
        The target at each share of `SHARES`: in the order of the values, largest first; and in
        random order, the mean of three.

    References:
        Petsiuk, Das & Saenko (2018), RISE, section 4.3; Samek et al. (2017), section III.
    """
    cover = baseline(parameters.baseline, image)
    can_be = image != cover
    random = np.random.default_rng(parameters.seed)
    orders = [_order(values, can_be)]
    orders += [random.permutation(np.flatnonzero(can_be)) for _ in range(RANDOM_ORDERS)]

    def deleted() -> Iterator[Image]:
        yield image
        yield np.where(can_be, cover, image)
        for order in orders:
            for share in SHARES[1:-1]:
                one = image.reshape(-1).copy()
                gone = order[: round(share / 100 * len(order))]
                one[gone] = cover.reshape(-1)[gone]
                yield one.reshape(image.shape)

    found = yield from scores(deleted(), target)
    inner = found[2:].reshape(len(orders), -1)
    curves = np.pad(inner, ((0, 0), (1, 1)))
    curves[:, 0], curves[:, -1] = found[0], found[1]
    return curves[0], curves[1:].mean(axis=0)


def _order(values: np.ndarray, can_be: Bool[np.ndarray, "28 28"]) -> Int[np.ndarray, " pixels"]:
    """Return the pixels that can be deleted, those of the largest values first."""
    order = np.argsort(-values.reshape(-1), kind="stable")
    return np.asarray(order[can_be.reshape(-1)[order]])


def area(curve: Curve) -> float:
    """Return the mean height of a curve over equal steps, by trapezoids."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def resets(
    image: Image,
    values: Float[np.ndarray, "height width"],
    target: Float32[np.ndarray, " classes"],
    parameters: MethodParameters,
) -> Generator[Sequence[Call], list[Outputs], Float[np.ndarray, "layers 2"]]:
    """Attribute again with weights that are reset layer by layer, from the last to the first.

    Returns:
        Rank correlation with the map of the trained weights, of the values and of their
        magnitudes. One near 1 says that the map does not depend on what was learned.

    References:
        Adebayo et al. (2018), Sanity checks for saliency maps, section 3.
    """
    found = []
    for layer in CASCADE:
        again = yield from attribute(image, target, parameters, f"reset-{layer}")
        one = again["map"]
        found.append([rank_correlation(values, one), rank_correlation(np.abs(values), np.abs(one))])
    return np.array(found)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's correlation; equal values share their mean rank. NaN where one is flat."""
    first, second = (_ranks(values.reshape(-1)) for values in (one, other))
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / scale) if scale else float("nan")


def _ranks(values: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]
