"""`python -m scripts.findings`: reference networks, their table, and the folder that keeps them."""

from pathlib import Path

import numpy as np
import pytest

from models.registry import load
from scripts.findings import lstm
from scripts.findings.__main__ import main
from scripts.findings.lstm import Recipe, reference_networks, train

BRIEF = (Recipe(1, hidden=3, length=8, steps=2), Recipe(2, hidden=2, length=8, steps=1))


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two networks of a few steps instead of those of the report."""
    monkeypatch.setattr(lstm, "RECIPES", {"report": BRIEF})


@pytest.mark.usefixtures("brief")
def test_the_table_has_a_row_for_each_network(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row has the value and the verdict of each statement, and a part the sums."""
    assert main(["lstm", "--parts", "report"]) == 0
    head, _, first, second, total = capsys.readouterr().out.splitlines()

    assert head.endswith("| gates_decide | cell_remembers | hidden_encodes_context |")
    assert first.startswith("| report-1 | 3 units, coins of 8, loss at each step, Adam 0.01, 2")
    assert [cell.split()[1] for cell in second.split("|")[3:6]] == ["no", "no", "no"]
    assert total.count("0 of 2") == 3


@pytest.mark.usefixtures("brief")
def test_kept_networks_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run reads the weights of the first from the folder."""
    trained = list(reference_networks("report", tmp_path / "kept"))
    monkeypatch.setattr(lstm, "train", pytest.fail)
    again = list(reference_networks("report", tmp_path / "kept"))

    assert [one.kind for one in trained] == [one.kind for one in again] == [r.text for r in BRIEF]
    for first, second in zip(trained, again, strict=True):
        assert all(np.array_equal(second.weights[name], first.weights[name]) for name in first[2])


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The message has the wrong part and those that exist."""
    assert main(["lstm", "--parts", "reports"]) == 2
    assert "--parts 'reports' is not one of shipped, untrained," in capsys.readouterr().err


def test_shipped_networks_are_measured_with_their_checkpoints() -> None:
    """The served weights come first, then every checkpoint by its name."""
    found = list(reference_networks("shipped", None))
    served = load("lstm")

    assert [one.name for one in found] == ["shipped", *served.training_checkpoints]
    assert lstm.measure(found[0].weights)["cell_remembers"].value > 0.9


@pytest.mark.parametrize("loss", ["each", "last"])
@pytest.mark.parametrize("kind", ["coins", "balanced"])
def test_training_changes_the_initial_parameters(kind: str, loss: str) -> None:
    """Each kind of sequence and of loss moves the weights, the same at each call."""
    recipe = {"hidden": 2, "length": 6, "kind": kind, "loss": loss}
    before, after, again = (train(Recipe(3, steps=steps, **recipe)) for steps in (0, 2, 2))

    for name, values in after.items():
        assert not np.array_equal(values, before[name])
        assert np.array_equal(values, again[name])


def test_shuffled_labels_are_those_of_other_sequences() -> None:
    """Other labels give another gradient from the same sequences."""
    right, wrong = (
        train(Recipe(4, hidden=2, length=6, steps=1, shuffled=s)) for s in (False, True)
    )

    assert not np.array_equal(right["readout.kernel"], wrong["readout.kernel"])


def test_a_constant_candidate_stays_constant() -> None:
    """Training leaves its weights zero and its bias as it was, and moves the gates."""
    weights = train(Recipe(5, hidden=4, length=6, steps=3, constant_candidate=True))
    candidate = slice(8, 12)

    assert not weights["cell.dense_i.kernel"][:, candidate].any()
    assert not weights["cell.dense_h.kernel"][:, candidate].any()
    assert weights["cell.dense_h.bias"][candidate].tolist() == [1, -1, 1, -1]
    assert weights["cell.dense_h.bias"][:8].all()


def test_forget_biases_of_untrained_networks() -> None:
    """They are those of the recipe, or log-uniform with chrono initialisation."""
    given, chrono = (train(Recipe(6, steps=0, forget_bias=bias)) for bias in (1.0, None))
    forget = slice(8, 16)

    assert (given["cell.dense_h.bias"][forget] == 1).all()
    drawn = chrono["cell.dense_h.bias"][forget]
    assert drawn.min() >= 0
    assert drawn.max() <= np.log(lstm.CHRONO_SPAN)
    assert len(set(drawn.tolist())) == 8
