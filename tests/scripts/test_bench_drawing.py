"""Benchmark of drawing: the same figures in both checkouts, the same maps, targets, the command."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from probes.figures import figures as figure_classes
from probes.figures.colours import intensities, non_negative
from probes.figures.figures import Bars, Figure, Measure, Panels, Tensor, Tiles
from scripts.bench import draw_figures, drawing
from scripts.bench.environments import NotInstalledError
from scripts.bench.processes import ROOT
from scripts.bench.route_figures import ACTIVATIONS

ROUTE = "/cnn/filters.png"


def figure() -> Panels:
    """Panels of two small layers and of bars, with a measure."""
    found: list[Figure] = []
    for name, count in (("one", 3), ("two", 2)):
        values = np.arange(count * 4, dtype=np.float32).reshape(count, 2, 2)
        colour = non_negative(values, "viridis", "channel" if name == "one" else "layer")
        axes = ("channel", "y", "x")
        found.append(Tiles(name, Tensor(name, "post_activation", axes, values, {}, colour)))
    bars = Tensor("bars", "logits", ("class",), np.arange(3.0), {"class": ["a", "b", "c"]})
    return Panels(
        "p", (*found, Bars("b", bars)), measures=(Measure("m", 2.0), Measure("none", None))
    )


def test_varied_values_have_the_same_colours() -> None:
    """Values, the ends of their range and measures are smaller by the same share."""
    before = figure()
    after = draw_figures.varied(before, 0.5)

    one, other = (drawing.layers(each)["two"] for each in (before, after))
    np.testing.assert_allclose(other, one / 2)
    first, second, _ = after.figures
    assert first.tensor.colour.vmax == (1.5, 3.5, 5.5)
    assert second.tensor.colour.vmax == float(second.tensor.values.max())
    assert after.measures[0].value == 1.0


def test_fixed_ranges_and_integers_do_not_vary() -> None:
    """The pixels of an image stay, as do ranges that are those of all answers."""
    values = np.arange(4, dtype=np.uint8).reshape(2, 2)
    before = Tiles("t", Tensor("image", "input", ("y", "x"), values, {}, intensities()))
    after = draw_figures.varied(before, 0.5)

    np.testing.assert_array_equal(after.tensor.values, values)
    assert after.tensor.colour == before.tensor.colour


def test_figures_are_built_of_the_classes_of_a_checkout() -> None:
    """A checkout without a field gets the figure without it; an empty one has its default."""

    @dataclass(frozen=True)
    class Older:
        title: str
        figures: tuple[Figure, ...]
        columns: int = 1

    older = ModuleType("older")
    vars(older).update({**vars(figure_classes), "Panels": Older})
    plain = draw_figures.plain(figure())
    same, found = (draw_figures.built(plain, each) for each in (figure_classes, older))

    assert draw_figures.plain(same)[1].keys() == plain[1].keys()
    assert same.measures == figure().measures
    assert (type(found), found.columns, len(found.figures)) == (Older, 1, 3)
    assert found.figures[2].tensor.coordinates == {"class": ["a", "b", "c"]}


def test_both_checkouts_draw_every_figure() -> None:
    """Each process draws each figure in each round but the first two."""
    figures = {ACTIVATIONS: figure(), ROUTE: figure().figures[0]}
    this, other = drawing.measure(figures, [ROOT, ROOT], 2)

    assert {name: len(times) for name, times in this.items()} == {ACTIVATIONS: 2, ROUTE: 2}
    assert min(other[ROUTE]) > 0


def test_a_figure_that_a_checkout_cannot_draw_is_an_error(tmp_path: Path) -> None:
    """A folder without a drawing ends its process, and is named by the figure."""
    with pytest.raises(RuntimeError, match=f"{ROUTE} was not drawn"):
        drawing.measure({ROUTE: figure()}, [tmp_path], 1)


def test_missed_targets_are_named() -> None:
    """A quarter for all activations, half for the median of the others, one for each."""
    fine = {ACTIVATIONS: 0.25, "a": 0.5, "b": 0.2, "c": 1.0}
    bad = {ACTIVATIONS: 0.26, "a": 0.6, "b": 0.2, "c": 1.1}

    assert drawing.missed(fine) == []
    assert [sentence.partition(":")[0] for sentence in drawing.missed(bad)] == [
        "all activations",
        "the other routes in the median",
        "c",
    ]


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Processes that answer at once: of matplotlib, which notes its maps, and of checkouts."""
    seen, script = tmp_path / "seen.json", tmp_path / "python"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, numpy\n"
        "held = numpy.load(sys.argv[3])\n"
        f"open({str(seen)!r}, 'w').write(json.dumps({{k: held[k].shape for k in held}}))\n"
        "print(json.dumps({'by_layer': [2.0], 'by_map': [4.0]}))\n"
    )
    script.chmod(0o755)
    times = [{ACTIVATIONS: [0.01], ROUTE: [0.01]}, {ACTIVATIONS: [0.02], ROUTE: [0.05]}]
    monkeypatch.setattr(drawing, "route_figures", lambda: {ACTIVATIONS: figure(), ROUTE: figure()})
    monkeypatch.setattr(drawing, "measure", lambda _, checkouts, __: times[: len(checkouts)])
    return SimpleNamespace(python=str(script), seen=seen)


def test_both_tables_and_what_is_missed_are_printed(
    systems: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Matplotlib's process gets the maps that Lightwell draws; a missed target is status 1."""
    assert drawing.main(["--python", systems.python, "--beside", os.fspath(ROOT)]) == 1

    shown = capsys.readouterr().out
    assert json.loads(systems.seen.read_text()) == {"one": [3, 2, 2], "two": [2, 2, 2]}
    assert "2,000.0" in shown
    assert "400.00" in shown
    assert ROUTE in shown
    assert "all activations: 0.50 of the other checkout's CPU time, over 0.25" in shown


def test_without_another_checkout_only_matplotlib_is_compared(
    systems: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no table of routes, and no target."""
    assert drawing.main(["--python", systems.python]) == 0
    shown = capsys.readouterr().out
    assert ROUTE not in shown
    assert shown.count("matplotlib, one imshow") == 2


def test_a_missing_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without matplotlib the command says so, and ends with status 2."""

    def missing(_: str) -> Path:
        raise NotInstalledError("no such package")

    monkeypatch.setattr(drawing, "python_of", missing)

    assert drawing.main([]) == 2
    assert "scripts.bench.drawing: no such package" in capsys.readouterr().err
