"""Needs of probes: properties of a network without which a probe does not apply to it."""

from collections.abc import Mapping

from probes.declaration import DescribedModel, Need
from probes.shared.choices import convolutions_3x3


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


MAPS = Need("It has no layer with feature maps.", lambda model: bool(model.architecture.maps))
"""Need of probes about feature maps, with rows and columns."""

KERNELS = Need("It has no layer with weights.", lambda model: bool(model.architecture.kernels))
"""Need of probes about the filters of convolutions and dense layers."""

CONVOLUTIONS_3X3 = Need(
    "It has no convolution with filters of 3x3 weights.",
    lambda model: bool(convolutions_3x3(model.architecture)),
)
"""Need of probes about the Frei-Chen components of filters."""

RECORDED = "which python -m scripts.artifacts makes for the architecture of cnn only"
"""Part of a sentence: networks whose records over a data set are made."""

LAYERS_RECORD = artifact_need(
    "layers",
    f"Its weights have no record of layers over a data set, {RECORDED}.",
)
"""Need of probes about layers over a data set: their comparison, and the embedding."""

DIGITS = tuple("0123456789")
"""Classes of the network that the findings of the CNN are statements about."""

FINDING_LAYERS: Mapping[str, tuple[int, ...]] = {
    "conv1": (28, 28, 32),
    "relu1": (28, 28, 32),
    "pool1": (14, 14, 32),
    "conv2": (14, 14, 64),
    "relu2": (14, 14, 64),
    "pool2": (7, 7, 64),
    "conv3": (7, 7, 64),
    "relu3": (7, 7, 64),
    "dense1": (128,),
    "relu4": (128,),
    "logits": (10,),
}
"""Layers of the network that the findings of the CNN are statements about, with their shapes."""


def _is_simple_cnn(model: DescribedModel) -> bool:
    """Whether a network has the layers of SimpleCNN, and MNIST's digits as images and classes."""
    architecture = model.architecture
    shapes = {name: layer.shape for name, layer in architecture.layers.items()}
    is_mnist = architecture.family == "image" and architecture.image.prepare == "mnist"
    return is_mnist and architecture.classes == DIGITS and shapes == FINDING_LAYERS


SIMPLE_CNN = Need(
    "The findings are statements about SimpleCNN on MNIST's digits, and it is another network.",
    _is_simple_cnn,
)
"""Need of the findings of the CNN, which name its layers."""
