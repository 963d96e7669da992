import numpy as np
import pytest

from probes.figures.figures import (
    Bars,
    Box,
    Figure,
    Heatmap,
    Lines,
    Measure,
    Overlay,
    Panels,
    Scatter,
    Tensor,
    Tiles,
    measures,
    tensors,
)


def vector(name: str, size: int = 3) -> Tensor:
    """Return a tensor of one axis."""
    return Tensor(name, "statistic", ("unit",), np.arange(size, dtype=np.float32))


def picture(name: str) -> Tensor:
    """Return a tensor of rows and columns."""
    return Tensor(name, "input", ("y", "x"), np.zeros((4, 4), np.float32))


def test_tensors_come_in_drawing_order() -> None:
    """The tensors of every kind of figure are listed in the order in which they are drawn."""
    figure = Panels(
        "all",
        (
            Tiles("a", picture("a")),
            Panels("inner", (Heatmap("b", picture("b"), "x"), Bars("c", vector("c")))),
            Lines("d", (vector("d"), vector("e")), "unit"),
            Scatter("f", vector("f"), vector("g")),
            Overlay("h", picture("h"), picture("i"), (Box(0, 0, 1, 1),)),
        ),
    )

    assert list("abcdefghi") == [tensor.name for tensor in tensors(figure)]


def test_what_a_scatter_adds_is_listed_too() -> None:
    """Colour, path and marked points are values like others."""
    path, marked = (vector("d"), vector("e")), (vector("f"), vector("g"))
    figure = Scatter("s", vector("a"), vector("b"), (), (), vector("c"), path, marked)

    assert list("abcdefg") == [tensor.name for tensor in tensors(figure)]


def test_a_tensor_drawn_twice_is_listed_once() -> None:
    """One tensor in two panels is one tensor of the answer."""
    shared = vector("hidden")
    figure = Panels("twice", (Bars("a", shared), Lines("b", (shared,), "unit")))

    assert [shared] == tensors(figure)


def test_two_tensors_of_one_name_are_refused() -> None:
    """Two different tensors of one name would overwrite each other in an answer."""
    figure = Panels("clash", (Bars("a", vector("cell")), Bars("b", vector("cell"))))

    with pytest.raises(ValueError, match="two tensors of one figure are both called cell"):
        tensors(figure)


def test_measures_come_outermost_first() -> None:
    """The measures of panels precede those of their parts, which keep their order."""
    names = ("outer", "inner", "leaf", "last")
    outer, inner, leaf, last = (Measure(name, 1) for name in names)
    part = Panels("inner", (Bars("a", vector("a"), measures=(leaf,)),), measures=(inner,))
    whole: Figure = Panels(
        "outer", (part, Bars("b", vector("b"), measures=(last,))), measures=(outer,)
    )

    assert [outer, inner, leaf, last] == measures(whole)


def test_axes_must_name_every_dimension() -> None:
    """A tensor with more dimensions than axes is refused with both."""
    with pytest.raises(ValueError, match=r"conv1 has 2 dimensions but axes \('y',\)"):
        Tensor("conv1", "filter", ("y",), np.zeros((2, 2)))


def test_coordinates_must_be_as_many_as_rows() -> None:
    """Coordinates that leave rows unnamed are refused with both numbers."""
    with pytest.raises(ValueError, match="gate has 3 along unit but 2 coordinates"):
        Tensor("gate", "gate", ("unit",), np.zeros(3), {"unit": [1, 2]})


def test_labels_are_coordinates_or_positions() -> None:
    """A row is called by its coordinate where it has one, else by its position."""
    tensor = Tensor("t", "gate", ("step", "unit"), np.zeros((2, 3)), {"unit": [5, 7, 9]})

    assert list(tensor.labels("unit")) == [5, 7, 9]
    assert list(tensor.labels("step")) == [0, 1]
