"""Edits of the LSTM's gates and states, posted as extra fields, and their scale and shift.

Every value v of every step and unit is replaced by v · scale + shift, so that one compiled program
serves all edits; scale 1 and shift 0 leave it unchanged.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field, model_validator

from models.rnn.analyses import CHUNK
from models.rnn.counting import EDITABLE_VALUES, STATE, no_edit
from models.runtime.programs import Call, Outputs, Row
from models.simple_networks import MAX_STEPS, LSTMState
from probes.declaration import ExtraFields, ParameterError, ProbeInput
from probes.shared.affine_edits import MAX_AMOUNT, apply_edit

ValueName = Literal["input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden"]

MAX_EDITS = 64

_WITH_AMOUNT = ("scale", "add", "set")


class LSTMEdit(ExtraFields):
    """Edit of one LSTM gate or state of some units at some steps."""

    value: ValueName = Field(description="Edited gate, candidate or state.")
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
    def _amount_where_needed(self) -> "LSTMEdit":
        """Require an amount where the operation of an LSTM edit takes one, and none elsewhere."""
        needed = self.operation in _WITH_AMOUNT
        if needed is not (self.amount is not None):
            msg = f"{self.operation} takes {'an' if needed else 'no'} amount"
            raise ValueError(msg)
        return self

    def last(self, length: int) -> int:
        """Return the last step that an LSTM edit changes in a sequence of the given length."""
        return length if self.steps is None else self.steps[1]

    def within(self, start: int, stop: int) -> slice:
        """Return the steps of a chunk that an LSTM edit changes, relative to the chunk's start."""
        first, last = (1, stop) if self.steps is None else self.steps
        return slice(max(first - 1 - start, 0), max(min(last, stop) - start, 0))


class LSTMEdits(ExtraFields):
    """Extra fields of the LSTM's `intervene`: the edits and the sequence to patch from."""

    edits: tuple[LSTMEdit, ...] = Field(
        (),
        max_length=MAX_EDITS,
        description="Edits, applied in this order.",
    )
    source: dict[str, Any] | None = Field(
        None,
        description="Second sequence, as `sequence` and optional `initial_state`, whose values "
        "`patch` takes; at least as long as the last patched step.",
    )


def check_edits(given: ProbeInput) -> None:
    """Check edits of the LSTM against its units, the sequence and the source sequence.

    Raises:
        ParameterError: An edit that cannot be applied, with its location in the body.
    """
    for index, edit in enumerate(given.extra_as(LSTMEdits).edits):
        if reason := _fault(given, edit):
            raise ParameterError("edits", f"edits[{index}]: {reason}", "edits", index)


def _fault(given: ProbeInput, edit: LSTMEdit) -> str | None:
    """Return why an edit of an LSTM gate or state cannot be applied; None for a valid edit."""
    units, length = len(given.row["cell"]), len(given.row["sequence"])
    for unit in edit.units or ():
        if not 0 <= unit < units:
            return f"unit {unit} is not one of the model's {units} (0 to {units - 1})"
    if edit.steps is not None and not 1 <= edit.steps[0] <= edit.steps[1] <= length:
        return f"steps must be a first and a last step within the sequence's 1 to {length}"
    if edit.operation != "patch":
        return None
    if not given.source:
        return "patch needs a source"
    known = len(given.source["sequence"])
    if (last := edit.last(length)) > known:
        return f"patch needs step {last} of the source, which has {known}"
    return None


@dataclass(frozen=True, eq=False)
class EditedRun:
    """Sequence that the LSTM runs with edits of gates and states.

    Attributes:
        row: Program row: the sequence and its initial state.
        edits: In the order of application.
        source: Values that patches take, by name: of each step from 1 and each unit.
    """

    row: Row
    edits: Sequence[LSTMEdit] = ()
    source: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """LSTM state before the first step of an edited run."""
        return {name: self.row[name] for name in LSTMState._fields}

    def call(self, start: int, state: Row, outputs: Iterable[str]) -> Call:
        """Return the program call of one chunk of an edited LSTM run."""
        taken = self.row["sequence"][start : start + CHUNK]
        # The program takes whole chunks; `length` selects the state before the padding.
        padded = np.zeros(CHUNK, np.uint8)
        padded[: len(taken)] = taken
        scale, shift = self.scale_and_shift(start, start + len(taken))
        sent: Row = {
            "sequence": padded,
            "length": np.array(len(taken), np.int32),
            "scale": scale,
            "shift": shift,
            **state,
        }
        return Call("intervene", sent, STATE | frozenset(outputs))

    def scale_and_shift(
        self, start: int, stop: int
    ) -> tuple[Float32[np.ndarray, "chunk 6 units"], Float32[np.ndarray, "chunk 6 units"]]:
        """Compose the LSTM edits into one scale and one shift per gate or state of a chunk."""
        scale, shift = no_edit(CHUNK, len(self.row["cell"]))
        for edit in self.edits:
            steps, value = edit.within(start, stop), EDITABLE_VALUES.index(edit.value)
            units = slice(None) if edit.units is None else list(edit.units)
            replacement = partial(self._replacement, edit, start, steps, units)
            apply_edit(edit, (steps, value, units), (scale, shift), replacement)
        return scale, shift

    def _replacement(
        self, edit: LSTMEdit, start: int, steps: slice, units: slice | list[int]
    ) -> np.ndarray | float:
        """Return the values that an LSTM edit writes: those of a `zero`, `set` or `patch`."""
        if edit.operation != "patch":
            # A `zero` has no amount.
            return edit.amount or 0.0
        held = self.source[edit.value][start + steps.start : start + steps.stop]
        return held[:, units]


def side_by_side(
    runs: Sequence[EditedRun], outputs: frozenset[str]
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Run edited sequences of one length together, chunk by chunk, carrying the LSTM states.

    Returns:
        Outputs of each run at steps 1 to T.
    """
    states: list[Row] = [run.state for run in runs]
    found: list[dict[str, list[np.ndarray]]] = [{name: [] for name in outputs} for _ in runs]
    length = len(runs[0].row["sequence"])
    for start in range(0, length, CHUNK):
        got = yield tuple(
            run.call(start, state, outputs) for run, state in zip(runs, states, strict=True)
        )
        # The next chunk starts from the edited state, as the next step of an unchunked run would.
        states = [{name: one[f"final_{name}"] for name in LSTMState._fields} for one in got]
        for parts, one in zip(found, got, strict=True):
            for name, part in parts.items():
                part.append(one[name][: length - start])
    return [{name: np.concatenate(part) for name, part in parts.items()} for parts in found]
