"""Edits of values of recurrent layers, posted as extra fields, and their scale and shift.

Every value v of every step and unit is replaced by v · scale + shift, so that one compiled program
serves all edits; scale 1 and shift 0 leave it unchanged.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import prod
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Int
from pydantic import BeforeValidator, Field, model_validator

from models.architecture import CELL_VALUES, MAX_STEPS, Architecture
from models.rnn.analyses import CHUNK
from models.rnn.layout import layout_of, padded
from models.runtime.programs import Call, Outputs, Row, SentRow
from models.runtime.sparse_input import SparseInput
from probes.declaration import ExtraFields, LayerChoice, ParameterError, ProbeCall
from probes.rnn.layers import RecurrentLayer, bare, owner, recurrent_values, unknown_unit
from probes.shared.affine_edits import MAX_AMOUNT, PlacedEdit, composed
from probes.shared.held_bytes import floats, in_flight, kept

MAX_EDITS = 64

_WITH_AMOUNT = ("scale", "add", "set")


class SequenceEdit(ExtraFields):
    """Edit of one gate, candidate or state of some units at some steps."""

    # A number is none of the names, either.
    value: Annotated[str, BeforeValidator(str), LayerChoice(recurrent_values)] = Field(
        description="Edited gate, candidate or state, by its name in the trace, such as `cell`, "
        "or in a stack `lstm1.cell`."
    )
    units: tuple[int, ...] | None = Field(
        None, min_length=1, description="Units, counted from 0; default all."
    )
    steps: tuple[int, ...] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description=f"First and last step, both included, from 1 to {MAX_STEPS}; default all.",
    )
    operation: Literal["zero", "scale", "add", "set", "patch"] = Field(
        description="`zero`; `scale` or `add` by `amount`; `set` to `amount`; `patch`, the value "
        "in the run of `source`."
    )
    amount: float | None = Field(
        None, ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Operand of `scale`, `add` and `set`."
    )

    @model_validator(mode="after")
    def _amount_where_needed(self) -> "SequenceEdit":
        """Require an amount where the operation of a sequence edit takes one, else none."""
        needed = self.operation in _WITH_AMOUNT
        if needed is not (self.amount is not None):
            msg = f"{self.operation} takes {'an' if needed else 'no'} amount"
            raise ValueError(msg)
        return self

    def last(self, length: int) -> int:
        """Return the last step that a sequence edit changes in a sequence of the given length."""
        return length if self.steps is None else self.steps[1]

    def within(self, start: int, stop: int) -> slice:
        """Return the steps of a chunk that a sequence edit changes, from the chunk's start."""
        first, last = (1, stop) if self.steps is None else self.steps
        return slice(max(first - 1 - start, 0), max(min(last, stop) - start, 0))


class SequenceEdits(ExtraFields):
    """Extra fields of `intervene` on sequences: the edits and the sequence to patch from."""

    edits: tuple[SequenceEdit, ...] = Field(
        (),
        max_length=MAX_EDITS,
        description="Edits, applied in this order.",
    )
    source: dict[str, Any] | None = Field(
        None,
        description="Second sequence, as `sequence` and optional `initial_state`, whose values "
        "`patch` takes; at least as long as the last patched step.",
    )


@lru_cache(maxsize=64)
def _indices(shape: tuple[int, ...]) -> Int[np.ndarray, "..."]:
    """Return the indices of a chunk's values into the flattened values."""
    found = np.arange(prod(shape)).reshape(shape)
    found.flags.writeable = False
    return found


def check_edits(call: ProbeCall[Any]) -> None:
    """Check edits of sequences against the network, the sequence and the source sequence.

    Raises:
        ParameterError: An edit that cannot be applied, with its location in the body.
    """
    for index, edit in enumerate(call.input.extra_as(SequenceEdits).edits):
        if reason := _fault(call, edit):
            raise ParameterError("edits", f"edits[{index}]: {reason}", "edits", index)


def _fault(call: ProbeCall[Any], edit: SequenceEdit) -> str | None:
    """Return why an edit of a value cannot be applied; None for a valid edit."""
    layer, length = owner(call.model.architecture, edit.value), len(call.input.row["sequence"])
    for unit in edit.units or ():
        if layer is not None and not 0 <= unit < layer.units:
            return unknown_unit(layer, unit)
    if edit.steps is not None and not 1 <= edit.steps[0] <= edit.steps[1] <= length:
        return f"steps must be a first and a last step within the sequence's 1 to {length}"
    if edit.operation != "patch":
        return None
    if not call.input.source:
        return "patch needs a source"
    known = len(call.input.source["sequence"])
    if (last := edit.last(length)) > known:
        return f"patch needs step {last} of the source, which has {known}"
    return None


class Chunk(NamedTuple):
    """Chunk of a sequence, as the program of edited runs takes it.

    Attributes:
        start: Number of steps before it.
        steps: Its steps, padded with zeros to a whole chunk.
        length: Number of its steps without the padding; selects the state after them.
    """

    start: int
    steps: np.ndarray
    length: Int[np.ndarray, ""]

    @classmethod
    def of(cls, sequence: np.ndarray, start: int) -> "Chunk":
        """Return the chunk of a sequence that begins after some steps."""
        taken = sequence[start : start + CHUNK]
        return cls(start, padded(taken, CHUNK), np.array(len(taken), np.int32))


@dataclass(frozen=True, eq=False)
class EditedRun:
    """Sequence that a network runs with edits of gates and states.

    Attributes:
        architecture: Network.
        row: Program row: the sequence and its initial state.
        edits: In the order of application.
        source: Values that patches take, by name: of each step from 1 and each unit.
    """

    architecture: Architecture
    row: Row
    edits: Sequence[SequenceEdit] = ()
    source: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """State of the network before the first step of an edited run."""
        return {state.name: self.row[state.name] for state in self.architecture.states}

    def call(self, chunk: Chunk, state: Row, outputs: frozenset[str]) -> Call:
        """Return the program call of one chunk of an edited run.

        Args:
            chunk: Chunk of its sequence.
            state: State before the chunk.
            outputs: Values to return, with the state after the chunk.
        """
        edits = self.scales_and_shifts(chunk.start, chunk.start + int(chunk.length))
        sent: SentRow = {"sequence": chunk.steps, "length": chunk.length, **edits, **state}
        return Call("intervene", sent, outputs)

    def scales_and_shifts(self, start: int, stop: int) -> dict[str, SparseInput]:
        """Compose edits into the scale and shift of each layer's values in a chunk, by name."""
        layout = layout_of(self.architecture)
        found: dict[str, SparseInput] = {}
        for node in self.architecture.recurrent:
            shape = layout.edit_shape(node, CHUNK)
            placed = [
                self._placed(edit, layer, shape, start, stop)
                for edit in self.edits
                if (layer := owner(self.architecture, edit.value)) and layer.node is node
            ]
            found |= zip(layout.edit_names(node), composed(shape, placed), strict=True)
        return found

    def _placed(
        self,
        edit: SequenceEdit,
        layer: RecurrentLayer,
        shape: tuple[int, ...],
        start: int,
        stop: int,
    ) -> PlacedEdit:
        """Return an edit of a layer's value with the places that it changes in a chunk."""
        value = CELL_VALUES[layer.cell].index(bare(self.architecture, edit.value))
        steps = edit.within(start, stop)
        units = slice(None) if edit.units is None else list(edit.units)
        replacement = partial(self._replacement, edit, start, steps, units)
        return PlacedEdit(edit, _indices(shape)[steps, value, units], replacement)

    def _replacement(
        self, edit: SequenceEdit, start: int, steps: slice, units: slice | list[int]
    ) -> np.ndarray | float:
        """Return the values that a sequence edit writes: those of a `zero`, `set` or `patch`."""
        if edit.operation != "patch":
            # A `zero` has no amount.
            return edit.amount or 0.0
        held = self.source[edit.value][start + steps.start : start + steps.stop]
        return held[:, units]


def edited_held(
    architecture: Architecture, runs: int, steps: int, outputs: Iterable[str], edited: int
) -> int:
    """Return the bytes that edited sequences of one length hold, run together.

    Args:
        architecture: Network of sequences.
        runs: Number of edited sequences.
        steps: Length of each.
        outputs: Values that are kept of every step.
        edited: Values that edits change in a chunk of each run.
    """
    row = floats(CHUNK, *layout_of(architecture).sequence_shape)
    row += floats(3, edited)  # place, scale and shift
    step = sum(floats(*architecture.layers[name].shape) for name in set(outputs))
    # Of each chunk a part, and all of them together.
    return in_flight(runs, row, CHUNK * step) + kept(runs, 2 * steps * step)


def editable_values(architecture: Architecture) -> int:
    """Return the number of values in a chunk that edits may change."""
    shapes = layout_of(architecture).edits(CHUNK)
    return sum(prod(shape) for shape in shapes.values()) // 2  # each has a scale and a shift


def side_by_side(
    runs: Sequence[EditedRun], outputs: frozenset[str]
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Run edited sequences of one length together, chunk by chunk, carrying the states.

    Returns:
        Outputs of each run at steps 1 to T.
    """
    states: list[Row] = [run.state for run in runs]
    wanted = layout_of(runs[0].architecture).final_names | outputs
    found: list[dict[str, list[np.ndarray]]] = [{name: [] for name in outputs} for _ in runs]
    length = len(runs[0].row["sequence"])
    # Many runs have one sequence, whose chunks are padded once.
    sequences = {id(run.row): run.row["sequence"] for run in runs}
    for start in range(0, length, CHUNK):
        chunks = {key: Chunk.of(sequence, start) for key, sequence in sequences.items()}
        got = yield tuple(
            run.call(chunks[id(run.row)], state, wanted)
            for run, state in zip(runs, states, strict=True)
        )
        # The next chunk starts from the edited state, as the next step of an unchunked run would.
        states = [{s.name: one[s.final] for s in runs[0].architecture.states} for one in got]
        for parts, one in zip(found, got, strict=True):
            for name, part in parts.items():
                part.append(one[name][: length - start])
    return [{name: np.concatenate(part) for name, part in parts.items()} for parts in found]
