"""Layout of an image network's values in the vectors and outputs of its programs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from math import prod

from models.architecture import INPUT, Architecture
from models.declaration.operations import Conv
from models.runtime.programs import ANALYSIS_BUCKETS

LINEAR_KINDS = frozenset({"pre_activation", "normalised", "merged", "logits"})
"""Layout of image networks: kinds of layers before a nonlinearity.

Their negative values still have a gradient.
"""

MAX_BATCH_FLOPS = 1_000_000_000
"""Layout of image networks: floating-point operations of a forward pass of one batch.

They take some 10 ms on two processors, and other requests wait for no longer.
"""

MAX_BATCH_VALUES = 8_000_000
"""Layout of image networks: values of all layers in one batch, which are 32 MB."""

CONVOLVED_IMAGES = 20
"""Layout of image networks: images in one row of the program `convolve`, which take some 10 ms.

Other kernels for each image would be as many convolutions; so the row has several images, and the
program one batch size.
"""


@dataclass(frozen=True, eq=False)
class Layout:
    """Layout of an image network's values: places of layers in vectors, and batch sizes.

    Attributes:
        architecture: Architecture of a network of images.
    """

    architecture: Architecture

    @property
    def is_mnist(self) -> bool:
        """Whether images are prepared as MNIST's: integers 0 to 255 without a channel axis."""
        return self.architecture.image.prepare == "mnist"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of an image in a row of a program, channel last; of MNIST without channels."""
        image = self.architecture.image
        sides = (image.height, image.width)
        return sides if self.is_mnist else (*sides, image.channels)

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Slice of each layer in the vector of all layers' values, flattened channel last."""
        return self._slices(tuple(self.architecture.layers))

    @cached_property
    def value_count(self) -> int:
        """Length of the vector of all layers' values, that of a row of edits."""
        return sum(prod(layer.shape) for layer in self.architecture.layers.values())

    @cached_property
    def linear_layers(self) -> tuple[str, ...]:
        """Layers before a nonlinearity, whose negative values still have a gradient."""
        layers = self.architecture.layers.items()
        return tuple(name for name, layer in layers if layer.kind in LINEAR_KINDS)

    @cached_property
    def linear_slices(self) -> Mapping[str, slice]:
        """Slice of each linear layer in the weight vector of the program `push`."""
        return self._slices(self.linear_layers)

    @cached_property
    def linear_count(self) -> int:
        """Length of the weight vector of the program `push`."""
        return sum(prod(self.architecture.layers[name].shape) for name in self.linear_layers)

    @cached_property
    def convolutions(self) -> tuple[str, ...]:
        """Names of the convolutions, in the order of computation."""
        nodes = self.architecture.nodes
        return tuple(node.name for node in nodes if isinstance(node.operation, Conv))

    @cached_property
    def convolution_parameters(self) -> tuple[str, ...]:
        """Names of the convolutions' kernels and biases, which a row of `convolve` has."""
        names = (f"{layer}.{name}" for layer in self.convolutions for name in ("kernel", "bias"))
        return tuple(name for name in names if name in self.architecture.parameters)

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """Last feature map of each stage: that before the next convolution, and the last of all."""
        starts = [self.architecture.maps.index(name) for name in self.convolutions[1:]]
        return tuple(self.architecture.maps[start - 1] for start in (*starts, 0))

    @cached_property
    def convolved_layers(self) -> tuple[str, ...]:
        """Layers whose feature maps `convolve` returns: convolutions but the last, and stages."""
        wanted = {*self.convolutions[:-1], *self.stages}
        return tuple(name for name in self.architecture.maps if name in wanted)

    @property
    def has_convolve(self) -> bool:
        """Whether the program `convolve` exists: random convolutions on images like MNIST's."""
        return self.is_mnist and bool(self.convolutions)

    @cached_property
    def last_hidden(self) -> str | None:
        """Layer that the last layer reads; None where that is the input."""
        (name,) = self.architecture.nodes[-1].inputs[:1]
        while name != INPUT:
            node = self.architecture.node(name)
            if node.value is not None:
                return node.value
            (name,) = node.inputs
        return None

    @cached_property
    def cascade(self) -> tuple[str, ...]:
        """Layers with a kernel from the last to the first: the order of the randomisation."""
        return self.architecture.kernels[::-1]

    @cached_property
    def analysis_buckets(self) -> tuple[int, ...]:
        """Batch sizes of the programs `layer_gradient` and `push`."""
        return self._buckets(*ANALYSIS_BUCKETS)

    @cached_property
    def score_buckets(self) -> tuple[int, ...]:
        """Batch sizes of the program `score`.

        Score and gradient are mostly called with many rows, and a row in a larger batch costs less.
        """
        return self._buckets(*ANALYSIS_BUCKETS, 64)

    @cached_property
    def gradient_buckets(self) -> tuple[int, ...]:
        """Batch sizes of the program `gradient`: 52 are 50 nodes of a path, and both ends."""
        return self._buckets(*ANALYSIS_BUCKETS, 52)

    @cached_property
    def intervention_buckets(self) -> tuple[int, ...]:
        """Batch size of the program `intervene`, a single one.

        So a run without edits equals the baseline to the bit, since results are reproducible to the
        bit only within one batch size.
        """
        return self._buckets(8)

    def _slices(self, names: tuple[str, ...]) -> Mapping[str, slice]:
        """Return the slice of each of these layers in the vector of their values."""
        ends = (0, *accumulate(prod(self.architecture.layers[name].shape) for name in names))
        return {name: slice(*each) for name, each in zip(names, pairwise(ends), strict=True)}

    @property
    def most_rows(self) -> int:
        """Number of images whose forward pass is within the limits of one batch, at least 1."""
        flops, values = max(self.architecture.flops, 1), self.value_count
        return max(1, min(MAX_BATCH_FLOPS // flops, MAX_BATCH_VALUES // values))

    def _buckets(self, *wanted: int) -> tuple[int, ...]:
        """Return batch sizes, the larger ones reduced to the limits of one batch."""
        return tuple(sorted({min(bucket, self.most_rows) for bucket in wanted}))


layout_of: Callable[[Architecture], Layout] = lru_cache(maxsize=256)(Layout)
"""Layout of an image network's architecture, kept for the next call."""
