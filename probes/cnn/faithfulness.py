"""Faithfulness of a pixel attribution: deletion curves, and sanity checks by randomisation."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from models.cnn.layout import layout_of
from models.runtime.programs import Call, Outputs
from probes.cnn.attribution_methods import MethodInput, attribute, enlarged, scores
from probes.cnn.baselines import baseline
from probes.cnn.images import Image, intensities, per_pixel

SHARES = tuple(range(0, 101, 5))
"""Points of a deletion curve: share of the pixels that is deleted, in per cent."""

RANDOM_ORDERS = 3
"""Number of random deletion orders whose mean is the comparison curve of faithfulness."""

MIN_COMPARED = 10
"""Fewest pixels over which the sanity check computes a rank correlation."""

HALF_LEVEL = 0.5 / 255
"""Half a grey level: a pixel nearer to the baseline than that equals it in the sanity check."""

ROWS = 2 + (len(SHARES) - 2) * (1 + RANDOM_ORDERS)
"""Number of program rows that the deletion curves of a faithfulness check take."""

Curve = Float[np.ndarray, " shares"]


def deletion(
    given: MethodInput, values: Float[np.ndarray, "height width"]
) -> Generator[Sequence[Call], list[Outputs], tuple[Curve, Curve]]:
    """Deletion curves of the faithfulness check: target while pixels are replaced by the baseline.

    Only pixels that differ from the baseline are deleted: replacing background by background would
    flatten the curve of any order.

    Returns:
        The target at each share of `SHARES`: in the order of the values, largest first; and in
        random order, the mean of three.

    References:
        Petsiuk, Das & Saenko (2018), RISE, section 4.3; Samek et al. (2017), section III.
    """
    image, parameters = given.image, given.parameters
    cover = baseline(parameters.baseline, image, given.architecture)
    can_be = per_pixel(image != cover)
    random = np.random.default_rng(parameters.seed)
    orders = [_order(values, can_be)]
    orders += [random.permutation(np.flatnonzero(can_be)) for _ in range(RANDOM_ORDERS)]

    def deleted() -> Iterator[Image]:
        # All channels of a pixel are deleted together.
        pixels, instead = (one.reshape(can_be.size, -1) for one in (image, cover))
        yield image
        yield np.where(can_be.reshape(-1, 1), instead, pixels).reshape(image.shape)
        for order in orders:
            for share in SHARES[1:-1]:
                one = pixels.copy()
                gone = order[: round(share / 100 * len(order))]
                one[gone] = instead[gone]
                yield one.reshape(image.shape)

    found = yield from scores(given, deleted())
    inner = found[2:].reshape(len(orders), -1)
    # All orders share the first and the last point: nothing and everything deleted.
    curves = np.pad(inner, ((0, 0), (1, 1)))
    curves[:, 0], curves[:, -1] = found[0], found[1]
    return curves[0], curves[1:].mean(axis=0)


def _order(
    values: np.ndarray, can_be: Bool[np.ndarray, "height width"]
) -> Int[np.ndarray, " pixels"]:
    """Return the pixels that a deletion curve deletes, in descending order of their attribution."""
    order = np.argsort(-values.reshape(-1), kind="stable")
    return np.asarray(order[can_be.reshape(-1)[order]])


def area(curve: Curve) -> float:
    """Return the area under a deletion curve: its mean height, by the trapezoidal rule."""
    # The shares are equally spaced, so the mean of the trapezoids is the area per unit width.
    return float((curve[1:] + curve[:-1]).mean() / 2)


def gain(ordered: Curve, random: Curve) -> float:
    """Return the faithfulness of a map in logits: the area between its two deletion curves.

    Args:
        ordered: Target while pixels are deleted in the order of the map.
        random: Target while they are deleted in random order.
    """
    return area(random) - area(ordered)


def compared_pixels(given: MethodInput) -> Bool[np.ndarray, "height width"]:
    """Pixels that the sanity check compares: those that differ from the attribution's baseline.

    All others are 0 in some maps, for any weights, which would raise every correlation. Those of
    `gradient_x_input` are 0 where the network reads 0, which is the declared mean.
    """
    parameters, network, image = given.parameters, given.architecture, given.image
    is_product = parameters.method == "gradient_x_input"
    other = np.zeros_like(image) if is_product else baseline(parameters.baseline, image, network)
    first, second = (intensities(network, one) for one in (image, other))
    return np.asarray(per_pixel(np.abs(first - second) > HALF_LEVEL))


def randomisation_check(
    given: MethodInput, values: Float[np.ndarray, "height width"]
) -> Generator[Sequence[Call], list[Outputs], Float[np.ndarray, "layers 2"]]:
    """Sanity check of faithfulness: attribute with weights reset from the last layer on.

    Returns:
        Rank correlation with the map of the trained weights, of the values and of their
        magnitudes, over `compared_pixels`. A correlation near 1 means that the map does not depend
        on the training. NaN over fewer than `MIN_COMPARED` pixels.

    References:
        Adebayo et al. (2018), Sanity checks for saliency maps, section 3.
    """
    found, compared = [], compared_pixels(given)
    height, width = given.image.shape[:2]
    trained = enlarged(values, (height, width))[compared]
    for layer in layout_of(given.architecture).cascade:
        again = yield from attribute(replace(given, checkpoint=f"reset-{layer}"))
        one = enlarged(again["map"], (height, width))[compared]
        pairs = ((trained, one), (np.abs(trained), np.abs(one)))
        found.append([rank_correlation(*pair) for pair in pairs])
    return np.array(found)


def rank_correlation(
    one: Float[np.ndarray, " values"], other: Float[np.ndarray, " values"]
) -> float:
    """Return Spearman's rank correlation of two maps' values in a sanity check.

    NaN for fewer than `MIN_COMPARED` values, or where all values of a map are equal.
    """
    if len(one) < MIN_COMPARED:
        return float("nan")
    first, second = (_ranks(values) for values in (one, other))
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / scale) if scale else float("nan")


def _ranks(values: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]
