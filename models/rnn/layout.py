"""Layout of a sequence network's programs: chunks of steps, batch sizes, and rows of inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np
from jaxtyping import Float, Shaped

from models.architecture import CELL_VALUES, LEAST_CHUNK, Architecture, Node
from models.declaration.operations import Embed, Recurrent
from models.derivation import MAX_VALUES

CHUNKS = (LEAST_CHUNK, 512)
"""Layout of sequence networks: numbers of steps (chunks) for which programs are compiled.

A call has a fixed cost of more than 100 steps, so that padding is cheaper than more calls. The
longest chunk takes no longer than a full batch of images, which bounds the wait of other requests.
"""

LEAST_ROWS = 4
"""Layout of sequence networks: rows that a batch of the longest chunk must hold for it to be used.

Of larger networks a batch of short sequences saves more than long chunks do.
"""

MAX_BATCH_FLOPS = 600_000_000
"""Layout of sequence networks: floating-point operations of one batch.

They take up to 60 ms of CPU time, a gradient included: more than those of convolutions, because
each step reads the recurrent kernels again.
"""

MAX_BATCH_VALUES = 8_000_000
"""Layout of sequence networks: values of all layers in one batch, which are 32 MB."""

BLOCK = 512
"""Layout of sequence networks: most sequences in one row of the program `enumerate`."""

FREE_CHUNK = 16
"""Layout of sequence networks: steps of each sequence of the program `enumerate` per call."""


ANALYSIS_BUCKETS: Mapping[str, tuple[int, ...]] = {
    # No size between: the time of a loop over steps hardly depends on the number of rows.
    "gradient": (1, 16),
    # Two rows, which are blocks of sequences, exceed a processor's cache.
    "enumerate": (1,),
    # A single one, so that a run without edits equals the baseline to the bit: results are
    # reproducible to the bit only within one batch size.
    "intervene": (16,),
}
"""Layout of sequence networks: batch sizes of the analysis programs of a small network."""


def padded(
    sequence: Shaped[np.ndarray, "time *features"], steps: int
) -> Shaped[np.ndarray, "steps *features"]:
    """Return a sequence with zeros after it, as many steps as the layout's programs take."""
    found = np.zeros((steps, *sequence.shape[1:]), sequence.dtype)
    found[: len(sequence)] = sequence
    return found


@dataclass(frozen=True, eq=False)
class Layout:
    """Layout of a sequence network's programs, which follows from its architecture.

    Attributes:
        architecture: Architecture of a network of sequences.
    """

    architecture: Architecture

    @property
    def chunks(self) -> tuple[int, ...]:
        """Numbers of steps for which programs are compiled, ascending.

        A network has the shortest chunk alone if batches of the longest would take too long, or its
        trace would have too many values.
        """
        return CHUNKS if self._has_longest_chunk else CHUNKS[:1]

    @cached_property
    def _has_longest_chunk(self) -> bool:
        """Whether batches of the longest chunk, and its trace, are within their limits."""
        has_room = self.rows(CHUNKS[-1]) >= LEAST_ROWS
        return self.step_values * CHUNKS[-1] <= MAX_VALUES and has_room

    @cached_property
    def step_values(self) -> int:
        """Number of values of all layers at one step."""
        return sum(prod(layer.shape) for layer in self.architecture.layers.values())

    @cached_property
    def features(self) -> int:
        """Length of the vector that encodes a step: of an embedding, of a one-hot symbol."""
        if self.embeddings:
            return sum(node.shape[0] for node in self.embeddings)
        return self.architecture.sequence.features

    @cached_property
    def embeddings(self) -> tuple[Node, ...]:
        """Embedding layers, whose vectors encode a step one after another."""
        return tuple(node for node in self.architecture.nodes if isinstance(node.operation, Embed))

    @property
    def encoded_shape(self) -> tuple[int, ...]:
        """Shape of an encoded step in the rows of analyses: empty for a number, else a vector."""
        return () if self.architecture.sequence.encoding == "number" else (self.features,)

    @property
    def sequence_shape(self) -> tuple[int, ...]:
        """Shape of a step in the rows of programs: empty for a symbol, else its features."""
        spec = self.architecture.sequence
        return () if spec.alphabet else (spec.features,)

    @cached_property
    def sequence_type(self) -> type[np.generic]:
        """Type of a step in the rows of programs: the index of a symbol, or features."""
        return np.uint8 if self.architecture.sequence.alphabet else np.float32

    def values(self, node: Node) -> tuple[str, ...]:
        """Return the names of a recurrent layer's values, in the order of edits."""
        if not isinstance(node.operation, Recurrent):
            msg = f"layer '{node.name}' is not recurrent"
            raise TypeError(msg)
        return CELL_VALUES[node.operation.cell]

    def edit_names(self, node: Node) -> tuple[str, str]:
        """Return the inputs of `intervene` with a layer's factors and summands.

        Of a network with one recurrent layer they are `scale` and `shift`, in stacks such as
        `lstm1.scale` and `lstm1.shift`.
        """
        return self._edit_names[node.name]

    @cached_property
    def _edit_names(self) -> Mapping[str, tuple[str, str]]:
        """Names of the inputs of `intervene` by recurrent layer."""
        named = self.architecture.value_name
        return {
            node.name: (named(node.name, "scale"), named(node.name, "shift"))
            for node in self.architecture.recurrent
        }

    def edits(self, steps: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of each input of `intervene` that edits values, by its name.

        Axes are steps, values in the order of the cell's, and units.
        """
        return {
            name: self.edit_shape(node, steps)
            for node in self.architecture.recurrent
            for name in self.edit_names(node)
        }

    def edit_shape(self, node: Node, steps: int) -> tuple[int, ...]:
        """Return the shape of the inputs of `intervene` that edit a recurrent layer's values."""
        return (steps, len(self.values(node)), *node.shape)

    def initial_state(self) -> dict[str, np.ndarray]:
        """Return the state before the first step by name: zeros."""
        return {one.name: np.zeros(one.units, np.float32) for one in self.architecture.states}

    @cached_property
    def final_names(self) -> frozenset[str]:
        """Names of the outputs from which the next chunk of a sequence starts."""
        return frozenset(state.final for state in self.architecture.states)

    def encode(
        self,
        sequence: Shaped[np.ndarray, "time *features"],
        weights: Mapping[str, np.ndarray],
    ) -> Float[np.ndarray, "time *encoded"]:
        """Encode a sequence as the first layer reads it, for the rows of analyses.

        Args:
            sequence: Indices of symbols, or rows of features, oldest first.
            weights: Parameters by name, of which an embedding is read.
        """
        spec = self.architecture.sequence
        if spec.encoding == "one-hot":
            vectors = np.eye(len(spec.alphabet), dtype=np.float32)
            return np.asarray(vectors[sequence])
        if spec.encoding == "embed":
            tables = [weights[f"{node.name}.embedding"] for node in self.embeddings]
            return np.concatenate([table[sequence] for table in tables], axis=-1)
        return np.asarray(sequence, np.float32)

    def buckets(self, chunk: int, *wanted: int) -> tuple[int, ...]:
        """Return batch sizes for rows of some steps, the larger ones within the limits of a batch.

        Args:
            chunk: Steps in a row.
            wanted: Batch sizes of a small network.
        """
        most = max(1, self.rows(chunk))
        return tuple(sorted({min(bucket, most) for bucket in wanted}))

    def buckets_of(self, analysis: str) -> tuple[int, ...]:
        """Return the batch sizes of an analysis program."""
        steps = FREE_CHUNK * self.block if analysis == "enumerate" else LEAST_CHUNK
        return self.buckets(steps, *ANALYSIS_BUCKETS[analysis])

    @cached_property
    def block(self) -> int:
        """Sequences in one row of `enumerate`: a power of two within the limits of a batch."""
        return min(BLOCK, 1 << max(0, self.rows(FREE_CHUNK).bit_length() - 1))

    def rows(self, steps: int) -> int:
        """Return how many sequences of some steps are within the limits of a batch; 0 for none."""
        flops = max(self.architecture.flops // LEAST_CHUNK, 1) * steps
        return min(MAX_BATCH_FLOPS // flops, MAX_BATCH_VALUES // (self.step_values * steps))


layout_of: Callable[[Architecture], Layout] = lru_cache(maxsize=256)(Layout)
"""Layout of a sequence network's programs, kept for the next call."""
