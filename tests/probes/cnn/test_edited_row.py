"""Rows of interventions hold the edited values alone, and are read as whole vectors."""

import numpy as np

from probes.cnn.edited_row import EditedRow, edited_places

IMAGE = np.zeros((2, 2), np.uint8)


def test_an_edited_row_is_equal_to_its_vectors_bit_by_bit() -> None:
    """NaN, a negative zero and an unedited value come back as they were given."""
    scale = np.array([1, 0, 1, 2.5, 1], np.float32)
    shift = np.array([0, np.nan, -0.0, 0, 1e-40], np.float32)
    places = edited_places(scale, shift)
    row = EditedRow(IMAGE, places, scale, shift)

    assert places.tolist() == [1, 2, 3, 4]
    assert row["scale"].tobytes() == scale.tobytes()
    assert row["shift"].tobytes() == shift.tobytes()
    assert row["image"] is IMAGE
    assert (list(row), len(row)) == (["image", "scale", "shift"], 3)


def test_an_edited_row_keeps_only_the_edited_values() -> None:
    """A row of a hundred thousand values with one edit holds no vector of that length."""
    scale, shift = np.ones(100_000, np.float32), np.zeros(100_000, np.float32)
    scale[7] = 0
    row = EditedRow(IMAGE, edited_places(scale, shift), scale, shift)

    held = [one for one in vars(row).values() if isinstance(one, np.ndarray)]
    held += vars(row)["_edited"].values()
    assert sum(one.nbytes for one in held) < 100
    assert not any(np.shares_memory(one, scale) for one in held)
