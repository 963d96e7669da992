"""Similarity of images in a layer's values, for the CNN's findings: by digit and by position."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

PENALTY = 0.03
"""Similarity of images: ridge penalty of the position's readout, for rows of mean square 1."""

Values = Float32[np.ndarray, "images values"]
Labels = Int[np.ndarray, " images"]


def correlations(values: Values) -> Float32[np.ndarray, "images images"]:
    """Return the correlation of all pairs of images over the values of a layer; 0 if constant."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.where(length > 0, length, 1.0)
    return np.asarray(unit @ unit.T)


def same_digit_auc(values: Values, labels: Labels) -> float:
    """Probability that images of one digit are more similar than images of two, by a layer.

    This is the area under the ROC curve over all pairs of images, 0.5 by chance, of the
    correlation of their values: representational similarity compared with that of the digits.

    References:
        Kriegeskorte, Mur & Bandettini (2008), Representational similarity analysis.
    """
    one, other = np.triu_indices(len(labels), 1)
    similar = correlations(values)[one, other]
    same = labels[one] == labels[other]
    return float(auc(similar[:, None], same)[0])


def auc(
    values: Float[np.ndarray, "cases columns"], positive: Bool[np.ndarray, " cases"]
) -> Float[np.ndarray, " columns"]:
    """Return the probability that a positive case has the larger value, by column; ties count half.

    References:
        Hanley & McNeil (1982), The meaning and use of the area under a ROC curve.
    """
    return auc_of_ranks(midranks(values), positive)


def midranks(values: Float[np.ndarray, "cases columns"]) -> Float[np.ndarray, "cases columns"]:
    """Return the rank of each value in its column, from 1 on; equal values share their mean."""
    found = np.empty(values.shape)
    for index, column in enumerate(values.T):
        _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
        found[:, index] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return found


def auc_of_ranks(
    ranks: Float[np.ndarray, "cases columns"], positive: Bool[np.ndarray, " cases"]
) -> Float[np.ndarray, " columns"]:
    """Return `auc` of values from their `midranks`, which several divisions of cases share."""
    count = int(positive.sum())
    above = ranks[positive].sum(axis=0) - count * (count + 1) / 2
    return np.asarray(above / (count * (len(positive) - count)))


def position_r2(values: Values, positions: Float[np.ndarray, "images axes"]) -> float:
    """Share of the variance of images' positions that a linear readout of a layer explains.

    Ridge regression, cross-validated: each position is predicted from all other images.

    Returns:
        R²: 1 for a perfect readout, 0 or less where the mean predicts as well.

    References:
        Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, equation 7.64:
        leave-one-out predictions of a linear smoother.
    """
    centred = values - values.mean(axis=0)
    products = (centred @ centred.T).astype(np.float64)
    count = len(products)
    # The constant feature stands for the mean position, which is fitted to other images too.
    kernel = products / (np.trace(products) / count or 1.0) + 1.0
    smoother = np.linalg.solve(kernel + PENALTY * np.eye(count), kernel)
    own = np.diagonal(smoother)[:, None]
    predicted = (smoother @ positions - own * positions) / (1 - own)
    spread = positions - positions.mean(axis=0)
    return float(1 - ((predicted - positions) ** 2).sum() / (spread**2).sum())
