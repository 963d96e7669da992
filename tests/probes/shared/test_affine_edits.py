"""Affine edits are composed in their order, and kept at the edited places alone."""

from types import SimpleNamespace

import numpy as np

from probes.shared.affine_edits import PlacedEdit, composed, edited_places

COUNT = 100_000


def test_edited_places_are_told_by_their_bits() -> None:
    """NaN and a negative zero are edits; a scale of 1 with a shift of 0 is none."""
    scale = np.array([1, 0, 1, 2.5, 1, 1], np.float32)
    shift = np.array([0, np.nan, -0.0, 0, 1e-40, 0], np.float32)

    assert edited_places(scale, shift).tolist() == [1, 2, 3, 4]


def edit(operation: str, places: list[int], amount: float = 0.0) -> PlacedEdit:
    """Return an edit of some places."""
    chosen = SimpleNamespace(operation=operation, amount=amount)
    return PlacedEdit(chosen, np.array(places), lambda: amount)


def test_edits_are_composed_in_their_order() -> None:
    """(v · 3 + 1) · 2 is 6 v + 2; a set value forgets the edits before it."""
    edits = [
        edit("scale", [1, 2], 3.0),
        edit("add", [1, 2, 3], 1.0),
        edit("scale", [1], 2.0),
        edit("set", [2], 5.0),
    ]

    scale, shift = composed((5,), edits)

    assert np.asarray(scale).tolist() == [1, 6, 0, 1, 1]
    assert np.asarray(shift).tolist() == [0, 2, 5, 1, 0]


def test_a_factor_of_zero_makes_an_infinite_value_zero() -> None:
    """A value from another input that has overflowed, scaled by 0, is 0 and not NaN."""
    for places in ([1], [1, 2]):
        edits = [edit("set", places, np.inf), edit("scale", places, 0.0)]

        scale, shift = composed((5,), edits)

        assert np.asarray(scale)[places].tolist() == np.asarray(shift)[places].tolist()
        assert not np.asarray(shift).any()


def test_one_edit_is_the_first_of_several() -> None:
    """The short way for a single edit gives the values of the general one."""
    for operation in ("scale", "add", "set", "zero"):
        one = edit(operation, [1, 4], 2.5)
        unchanged = edit("add", [0], 0.0)
        both = composed((5,), [one]), composed((5,), [one, unchanged])
        for single, several in zip(*both, strict=True):
            assert np.asarray(single).tobytes() == np.asarray(several).tobytes()


def test_a_composed_edit_keeps_only_the_edited_values() -> None:
    """A hundred thousand values with one edit, or none, hold no vector of that length."""
    for edits in ([], [edit("zero", [7])], [edit("zero", [7]), edit("add", [8], 1.0)]):
        for one in composed((COUNT,), edits):
            assert one.shape == (COUNT,)
            held = [one.places, one.values]
            assert sum(each.nbytes for each in held) < 100
            assert all(each.base is None or each.base.nbytes < 100 for each in held)
