"""Benchmark of drawing: the same maps for both systems, and the command."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from probes.figures.colours import non_negative
from probes.figures.figures import Panels, Tensor, Tiles
from scripts.bench import drawing
from scripts.bench.environments import NotInstalledError


def figure() -> Panels:
    """Panels of two small layers."""
    found = []
    for name, count in (("one", 3), ("two", 2)):
        values = np.arange(count * 4, dtype=np.float32).reshape(count, 2, 2)
        colour = non_negative(values, "viridis")
        axes = ("channel", "y", "x")
        found.append(Tiles(name, Tensor(name, "post_activation", axes, values, {}, colour)))
    return Panels("p", tuple(found))


def test_varied_maps_have_the_same_colours() -> None:
    """Values and the ends of their range are larger by the same share."""
    before = figure()
    after = drawing.varied(before, 0.5)

    assert isinstance(after, Panels)
    one, other = (drawing.layers(each)["two"] for each in (before, after))
    np.testing.assert_allclose(other, one * 1.5)
    [first, _] = after.figures
    assert isinstance(first, Tiles)
    assert first.tensor.colour is not None
    assert first.tensor.colour.vmax == pytest.approx(11 * 1.5)


def test_every_system_draws_in_every_round(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Matplotlib's process gets the maps that Lightwell draws; the table has a row for each."""
    seen = tmp_path / "seen.json"
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, numpy\n"
        "held = numpy.load(sys.argv[3])\n"
        f"open({str(seen)!r}, 'w').write(json.dumps({{k: held[k].shape for k in held}}))\n"
        "print(json.dumps({'by_layer': [2.0], 'by_map': [4.0]}))\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(drawing, "activations", figure)

    assert drawing.main(["--python", str(script), "--rounds", "2"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(seen.read_text()) == {"one": [3, 2, 2], "two": [2, 2, 2]}
    assert "2,000.0" in shown
    assert "4,000.0" in shown
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
