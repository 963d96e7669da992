"""Rows of one batch: one with values that are no numbers does not change the others."""

import numpy as np
import pytest

from models.registry import ResidentModel
from models.runtime.programs import Call
from models.runtime.resident import ResidentProgram

ROWS, POISONED = 4, 2

OUTPUTS = {
    "cnn": {"predict": {"logits"}, "trace": {"relu1", "conv3", "logits"}},
    "lstm": {"predict": {"logits"}, "trace": {"cell", "hidden", "logits"}},
}
"""Outputs that are compared, by model and kind of program."""

Rows = list[dict[str, np.ndarray]]


def _drawn(program: ResidentProgram) -> Rows:
    """Draw rows of zeros and ones in a program's shapes."""
    rng = np.random.default_rng(5)
    drawn = {
        name: rng.integers(0, 2, one.shape).astype(one.dtype)
        for name, one in program.program.rows(ROWS).items()
    }
    return [{name: values[row] for name, values in drawn.items()} for row in range(ROWS)]


def _poisoned(rows: Rows, poison: float) -> Rows:
    """Return rows of which one has a value everywhere, or the largest integer."""
    changed = {
        name: np.full_like(one, poison if one.dtype.kind == "f" else np.iinfo(one.dtype).max)
        for name, one in rows[POISONED].items()
    }
    return [changed if place == POISONED else row for place, row in enumerate(rows)]


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("name", ["cnn", "lstm"])
def test_a_poisoned_row_leaves_the_others_equal_to_the_bit(
    request: pytest.FixtureRequest, name: str, poison: float
) -> None:
    """Outputs of each other row are those that it has next to a clean one, in every program."""
    model: ResidentModel = request.getfixturevalue(name)
    for declared in model.declared:
        program = model.programs[declared.name]
        wanted = frozenset(OUTPUTS[name][declared.name.partition(".")[0]])

        def run(rows: Rows, program: ResidentProgram = program, wanted: frozenset[str] = wanted):
            return program([Call(program.program.name, row, wanted) for row in rows])

        clean = _drawn(program)
        before, after = run(clean), run(_poisoned(clean, poison))
        for row in {*range(ROWS)} - {POISONED}:
            for output, values in before[row].items():
                np.testing.assert_array_equal(after[row][output], values)
        pairs = [(values, after[POISONED][one]) for one, values in before[POISONED].items()]
        assert any(not np.array_equal(*pair) for pair in pairs)
