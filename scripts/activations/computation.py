"""Computation of the shards of scripts.activations, in batches of one size."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from models.registry import ResidentModel
from models.rnn.layout import layout_of as sequence_layout
from models.runtime.programs import Row
from models.runtime.resident import drive
from scripts.activations.inputs import Inputs
from scripts.activations.plan import Plan
from scripts.activations.reductions import reduce_maps, reduce_steps
from scripts.activations.tensor_plan import LABEL, LENGTH, TensorPlan

Arrays = dict[str, np.ndarray]
"""Arrays of a shard of scripts.activations by name, each with a leading row axis."""


class ShardComputer:
    """Computer of shards of scripts.activations, with programs of one batch size.

    Args:
        checkpoint: Training checkpoint to run with; None for the served weights.
    """

    def __init__(
        self, model: ResidentModel, plan: Plan, inputs: Inputs, checkpoint: str | None = None
    ) -> None:
        self._model, self._plan, self._inputs = model, plan, inputs
        bucket: int = plan.facts["bucket"]
        self._programs = {
            program.name: model.compile_apart(program, (bucket,), checkpoint)
            for program in model.declared
            if program.name.startswith("trace")
        }
        self._bucket = bucket
        # One buffer for all shards: fresh memory costs a page fault for every 4 KiB.
        row_bytes = sum(one.row_bytes for one in plan.tensors.values())
        self._buffer = np.zeros(min(plan.shard_rows, plan.rows) * row_bytes, np.uint8)

    def shard(self, number: int, report: Callable[[int], None] = lambda _: None) -> Arrays:
        """Compute a shard of scripts.activations.

        Args:
            report: Is called with the number of rows of each batch.

        Returns:
            Arrays in the order of the plan, which the next call overwrites.

        Raises:
            DatasetError: A picture cannot be read any more.
        """
        start, stop = self._plan.span(number)
        arrays = self._views(stop - start)
        for name, known in ((LABEL, self._inputs.labels), (LENGTH, self._inputs.lengths)):
            if name in arrays and known is not None:
                arrays[name][:] = known[start:stop]
        is_image = self._model.architecture.family == "image"
        fill = self._fill_images if is_image else self._fill_sequences
        for first in range(start, stop, self._bucket):
            last = min(first + self._bucket, stop)
            rows = {name: values[first - start : last - start] for name, values in arrays.items()}
            fill(first, last, rows)
            report(last - first)
        return arrays

    def _views(self, rows: int) -> Arrays:
        """Return the arrays of a shard in the buffer, one after another."""
        found, at = {}, 0
        for name, one in self._plan.tensors.items():
            size = rows * one.row_bytes
            part = self._buffer[at : at + size].view(one.dtype)
            found[name] = part.reshape(rows, *one.shape)
            at += size
        return found

    def _values(self) -> Iterator[tuple[str, TensorPlan]]:
        return ((name, one) for name, one in self._plan.tensors.items() if one.layer)

    def _fill_images(self, first: int, last: int, rows: Mapping[str, np.ndarray]) -> None:
        """Compute the rows of one batch of images."""
        (program,) = self._programs.values()
        found = program.batch({"image": self._inputs.read(first, last)}, self._plan.layers)
        for name, one in self._values():
            values = found[one.layer]
            rows[name][:] = reduce_maps(one.reduction, values) if one.reduction else values

    def _fill_sequences(self, first: int, last: int, rows: Mapping[str, np.ndarray]) -> None:
        """Compute the rows of one batch of sequences, chunk by chunk with the state carried on."""
        lengths = self._inputs.lengths
        assert lengths is not None  # noqa: S101 - sequences have them
        given = self._inputs.read(first, last)
        state = sequence_layout(self._model.architecture).initial_state()
        runs = [
            self._model.run("trace", _row(given[index], int(length), state), self._plan.layers)
            for index, length in enumerate(lengths[first:last])
        ]
        for index, outputs in enumerate(drive(runs, self._programs)):
            steps = int(lengths[first + index])
            for name, one in self._values():
                values = outputs[one.layer]
                if one.reduction:
                    # Without step 0, so that states and gates are of the same steps.
                    rows[name][index] = reduce_steps(one.reduction, values[-steps:])
                else:
                    rows[name][index, : len(values)] = values
                    rows[name][index, len(values) :] = 0


def _row(steps: np.ndarray, length: int, state: Mapping[str, np.ndarray]) -> Row:
    """Return the row of a sequence of scripts.activations, without the padding."""
    return {"sequence": steps[:length], **state}
