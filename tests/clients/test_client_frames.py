"""lightwell_client: tensors as tables of pandas."""

import sys

import numpy as np
import pytest

from lightwell_client import Answer, AnswerList, Lightwell, Sample, Tensor


def test_a_tensor_is_a_row_for_each_value(lightwell: Lightwell) -> None:
    """With its coordinates, which need not count from 0."""
    gate = lightwell.gates("10110", units=[0, 3])["forget_gate"]

    frame = gate.to_frame()

    assert list(frame.columns) == ["step", "unit", "value"]
    wide = frame.pivot_table(index="step", columns="unit", values="value")
    assert (list(wide.index), list(wide.columns)) == ([1, 2, 3, 4, 5], [0, 3])
    np.testing.assert_allclose(wide.to_numpy(), gate.values)


def test_an_answer_has_all_tensors_in_one_table(lightwell: Lightwell, digit: Sample) -> None:
    """Axes that a tensor has not are missing, and coordinates stay integers or texts."""
    answer = lightwell.activations(digit, layers=["relu3", "logits"])

    frame = answer.to_frame()
    chosen = answer.to_frame("relu3")

    assert set(frame["tensor"]) == set(answer.tensors)
    assert len(frame) == sum(one.values.size for one in answer.tensors.values())
    assert frame.columns[-1] == "value"
    assert str(frame["channel"].dtype) == "Int64"
    logits = frame[frame["tensor"] == "logits"]
    assert logits["channel"].tolist() == list(range(10))
    assert logits["y"].isna().all()
    assert set(chosen["tensor"]) == {"relu3"}
    place = frame[(frame["tensor"] == "relu3") & (frame["channel"] == 7)]
    np.testing.assert_array_equal(
        place["value"].to_numpy().reshape(7, 7), answer["relu3"].take(channel=7)
    )
    with pytest.raises(KeyError, match="relu9"):
        answer.to_frame("relu9")


def test_a_list_has_the_place_and_the_prediction(lightwell: Lightwell) -> None:
    """Of each answer, also for sequences of several lengths."""
    frame = lightwell.gates(["110", "0"]).to_frame("forget_gate", "candidate")

    assert list(frame.columns[:3]) == ["sequence", "prediction", "tensor"]
    assert frame.groupby("sequence")["prediction"].first().to_list() == ["yes", "no"]
    assert frame.groupby("sequence")["step"].max().to_list() == [3, 1]


def test_bins_have_a_column_beside_the_values(lightwell: Lightwell) -> None:
    """The axis `value` of a histogram is a column named after the tensor, alone and with others."""
    answer = lightwell.unit("relu3", 5)
    bins = list(answer["histogram"].coordinates["value"])

    alone = answer["histogram"].to_frame()
    frame = answer.to_frame("histogram", "maxima")

    assert list(alone.columns) == ["histogram.value", "value"]
    assert alone["histogram.value"].tolist() == bins
    np.testing.assert_array_equal(alone["value"].to_numpy(), answer["histogram"].values)
    assert list(frame.columns) == ["tensor", "histogram.value", "maxima.value", "value"]
    rows = frame[frame["tensor"] == "histogram"]
    assert rows["histogram.value"].tolist() == bins
    np.testing.assert_array_equal(rows["value"].to_numpy(), answer["histogram"].values)


def test_nothing_is_an_empty_table() -> None:
    """An answer without tensors, and a list without answers."""
    empty = Answer("cnn", "digest", None, None, {}, {}, (), lambda _: b"")

    assert list(empty.to_frame().columns) == ["tensor", "value"]
    assert len(AnswerList((), "image").to_frame()) == 0


def test_pandas_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match="to_frame.. needs pandas, .* pip install pandas"):
        Tensor("cell", "cell", ("unit",), {}, np.ones(2)).to_frame()
