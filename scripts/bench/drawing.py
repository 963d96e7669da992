"""CPU time to draw the picture of each route, beside another checkout and beside matplotlib.

    python -m scripts.bench.drawing --beside ../0c0f8d5
    python -m scripts.bench.drawing --beside ../0c0f8d5 --python ../plots/bin/python --rounds 3

Both checkouts draw the same figures: those of this checkout's pictures, at the parameters of their
examples, and of all activations of a digit. Values differ from drawing to drawing, as those of
requests do; the first two drawings of a figure, which fill caches, are not counted. matplotlib
draws the maps of all activations in two ways: one image for each layer, and axes for each map. The
exit status is 1 if a target is missed.
"""

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from probes.figures.figures import Figure, Panels, Tiles
from scripts.bench import draw_figures
from scripts.bench.checkouts import in_order
from scripts.bench.environments import NotInstalledError, python_of
from scripts.bench.processes import ROOT, run_for_json
from scripts.bench.route_figures import ACTIVATIONS, route_figures
from scripts.command_line import fail, script_parser

ROUNDS, DRAWINGS, UNCOUNTED = 9, 3, 2
"""Rounds of drawing, drawings by matplotlib, and drawings of a figure that are not counted."""

MOST_OF_ACTIVATIONS, MOST_OF_MEDIAN, MOST = 0.25, 0.5, 1.0
"""Targets: CPU time relative to the other checkout, of all activations, in the median of the other
routes, and of each."""

NAMES = {
    "by_layer": "matplotlib, one imshow for each layer",
    "by_map": "matplotlib, one imshow for each map",
}

Times = Mapping[str, Sequence[float]]
"""CPU seconds of drawings, by the path of the route or by the way of drawing."""


class Drawer:
    """Process of a checkout that draws figures from a file and measures its CPU time."""

    def __init__(self, checkout: Path, figures: Path) -> None:
        script = Path(draw_figures.__file__)
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-P", str(script), str(figures)],
            cwd=checkout,
            env={"PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Drawer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def seconds(self, name: str, number: int) -> float:
        """Return the CPU seconds of a drawing of a figure, with values of its number.

        Raises:
            RuntimeError: The process has ended with an error, which it printed.
        """
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None and pipes[1] is not None  # noqa: S101, PT018 - as started
        with suppress(BrokenPipeError):
            print(name, number / 100, file=pipes[0], flush=True)
        line = pipes[1].readline()
        if not line:
            msg = f"{name} was not drawn"
            raise RuntimeError(msg)
        return float(line)


def measure(
    figures: Mapping[str, Figure], checkouts: Sequence[Path], rounds: int
) -> list[dict[str, list[float]]]:
    """Return the CPU seconds of each drawing of each figure, for each checkout.

    Raises:
        RuntimeError: A checkout cannot draw a figure.
    """
    found: list[dict[str, list[float]]] = [{name: [] for name in figures} for _ in checkouts]
    with ExitStack() as running:
        path = Path(running.enter_context(tempfile.TemporaryDirectory())) / "figures.pickle"
        path.write_bytes(
            pickle.dumps({name: draw_figures.plain(one) for name, one in figures.items()})
        )
        drawers = [running.enter_context(Drawer(one.absolute(), path)) for one in checkouts]
        pairs = list(zip(drawers, found, strict=True))
        for number in range(UNCOUNTED + rounds):
            for name in figures:
                # Neither checkout is always first.
                for drawer, times in in_order(pairs, number):
                    spent = drawer.seconds(name, number + 1)
                    if number >= UNCOUNTED:
                        times[name].append(spent)
    return found


def layers(figure: Figure) -> dict[str, np.ndarray]:
    """Return the maps of each layer in a drawing, by name."""
    parts = figure.figures if isinstance(figure, Panels) else ()
    return {one.tensor.name: one.tensor.values for one in parts if isinstance(one, Tiles)}


def measure_matplotlib(python: str, maps: Mapping[str, np.ndarray]) -> Times:
    """Return the CPU seconds of each drawing of all maps by matplotlib.

    Raises:
        RuntimeError: Its process ended with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.npz"
        np.savez(path, **maps)  # type: ignore[arg-type]
        return run_for_json([python, "-m", "scripts.bench.imshow", str(path), str(DRAWINGS)])


def ratios(this: Times, other: Times) -> dict[str, float]:
    """Return this checkout's CPU time relative to the other's, the median of rounds, by route."""
    return {
        name: median(one / two for one, two in zip(this[name], other[name], strict=True))
        for name in this
    }


def median_of_others(found: Mapping[str, float]) -> float:
    """Return the median of the ratios of two checkouts, without that of all activations."""
    return median(ratio for name, ratio in found.items() if name != ACTIVATIONS)


def missed(found: Mapping[str, float]) -> list[str]:
    """Return a sentence for each target that the ratios of two checkouts miss."""
    bounds = [
        ("all activations", found[ACTIVATIONS], MOST_OF_ACTIVATIONS),
        ("the other routes in the median", median_of_others(found), MOST_OF_MEDIAN),
        *((name, ratio, MOST) for name, ratio in found.items()),
    ]
    return [
        f"{name}: {ratio:.2f} of the other checkout's CPU time, over {bound:g}"
        for name, ratio, bound in bounds
        if ratio > bound
    ]


def routes_table(this: Times, other: Times, found: Mapping[str, float]) -> Table:
    """Lay out the CPU time of each route's picture in both checkouts, and the median ratio."""
    table = Table(title="CPU time to draw the picture of a route as PNG")
    for head in ("", "ms", "other's ms", "ratio"):
        table.add_column(head, justify="right" if head else "left")
    for name, ratio in found.items():
        times = (f"{1e3 * median(one[name]):.1f}" for one in (this, other))
        table.add_row(name, *times, f"{ratio:.2f}")
    table.add_row("median, without all activations", "", "", f"{median_of_others(found):.2f}")
    return table


def matplotlib_table(own: Sequence[float], found: Times) -> Table:
    """Lay out the CPU time to draw all activations beside that of matplotlib."""
    table = Table(title="CPU time to draw all activations of a digit as PNG")
    for head in ("", "ms", "÷ Lightwell"):
        table.add_column(head, justify="right" if head else "left")
    table.add_row("Lightwell, the whole picture", f"{1e3 * median(own):,.1f}", "1.00")
    for name, title in NAMES.items():
        spent = median(found[name])
        table.add_row(title, f"{1e3 * spent:,.1f}", f"{spent / median(own):.2f}")
    return table


def main(arguments: Sequence[str]) -> int:
    """Print the CPU time of drawings; return 1 if a target is missed, 2 without matplotlib."""
    parser = script_parser("python -m scripts.bench.drawing", __doc__)
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="folder of a checkout")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"drawings of each ({ROUNDS})")
    parser.add_argument("--python", help="interpreter that has matplotlib")
    flags = parser.parse_args(arguments)
    console, failed = Console(width=100), []
    try:
        # Processes start in another folder; a link to an interpreter must not be resolved.
        python = str(Path(flags.python).absolute() if flags.python else python_of("matplotlib"))
        figures = route_figures()
        checkouts = [ROOT, *([flags.beside] if flags.beside else [])]
        this, *others = measure(figures, checkouts, flags.rounds)
        for other in others:
            found = ratios(this, other)
            console.print(routes_table(this, other, found))
            failed = missed(found)
        drawn = measure_matplotlib(python, layers(figures[ACTIVATIONS]))
        console.print(matplotlib_table(this[ACTIVATIONS], drawn))
    except (NotInstalledError, RuntimeError, OSError) as error:
        return fail("scripts.bench.drawing", str(error), 2)
    for sentence in failed:
        console.print(sentence, highlight=False, style="red")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
