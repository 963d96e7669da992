"""Needs of probes: properties of a network without which a probe does not apply to it."""

from probes.declaration import DescribedModel, Need


def _counts_bits(model: DescribedModel) -> bool:
    return model.architecture.declaration.counts_bits


COUNTS_BITS = Need("It does not count bits.", _counts_bits)
"""Need of probes about counting, which compare answers with the number of 1s and 0s."""


def artifact_need(kind: str, reason: str) -> Need:
    """Return the need of an artifact that training wrote.

    Args:
        kind: Kind of the artifact, such as `embedding`.
        reason: Sentence for a model without it.
    """
    return Need(reason, lambda model: kind in model.artifacts)
