"""CPU time to draw the activations of a digit, beside matplotlib's `imshow` of the same maps.

    python -m scripts.bench.drawing
    python -m scripts.bench.drawing --python ../plots/bin/python --rounds 3

Lightwell draws the whole picture of `/cnn/activations?layers=all`; matplotlib draws its maps in two
ways: one image for each layer, and axes for each map. Values differ from drawing to drawing, as
those of requests do. The first drawing of each process is not counted.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from models.registry import load
from probes.figures.figures import Figure, Panels, Tiles
from probes.output.render import render
from probes.shared.class_probabilities import answer_bars
from scripts.bench.environments import NotInstalledError, python_of
from scripts.bench.processes import run_for_json
from scripts.bench.stages import Stages
from scripts.bench.workloads import workloads
from scripts.command_line import fail, script_parser

ROUNDS, DRAWINGS = 5, 3
"""Interleaved rounds of drawing, and drawings of each system in one."""

WORKLOAD = "activations-png"
NAMES = {
    "lightwell": "Lightwell, the whole picture",
    "by_layer": "matplotlib, one imshow for each layer",
    "by_map": "matplotlib, one imshow for each map",
}


def activations() -> Panels:
    """Return the figure of all activations of a digit, with its answer, as it is drawn."""
    model, workload = load("cnn"), workloads()[WORKLOAD]
    model.compile()
    stages = Stages(model, workload)
    row, _ = stages.decode(workload.inputs[0])
    [outputs] = stages.program(row, 1)
    context, figure = stages.figure(row, outputs)
    assert isinstance(figure, Panels)  # noqa: S101 - of activations
    answer = answer_bars(context.probabilities, model.architecture.classes)
    return replace(figure, figures=(*figure.figures, answer))


def layers(figure: Panels) -> dict[str, np.ndarray]:
    """Return the maps of each layer in a drawing, by name."""
    return {one.tensor.name: one.tensor.values for one in figure.figures if isinstance(one, Tiles)}


def varied(figure: Figure, share: float) -> Figure:
    """Return a figure to draw whose maps and colour ranges are larger by a share."""
    match figure:
        case Panels():
            return replace(figure, figures=tuple(varied(one, share) for one in figure.figures))
        case Tiles(tensor=tensor) if tensor.colour and isinstance(tensor.colour.vmax, float):
            low, high = tensor.colour.vmin, tensor.colour.vmax * (1 + share)
            colour = replace(tensor.colour, vmin=low, vmax=high)
            values = tensor.values * np.float32(1 + share)
            return replace(figure, tensor=replace(tensor, values=values, colour=colour))
        case _:
            return figure


def measure(python: str, rounds: int) -> dict[str, list[float]]:
    """Return CPU seconds of every drawing by system, in rounds of all systems.

    Raises:
        RuntimeError: matplotlib's process ended with an error.
    """
    figure = activations()
    render(figure)
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.npz"
        np.savez(path, **layers(figure))  # type: ignore[arg-type]
        command = [python, "-m", "scripts.bench.imshow", str(path), str(DRAWINGS)]
        for number in range(rounds):
            for drawing in range(DRAWINGS):
                other = varied(figure, (1 + number * DRAWINGS + drawing) / 100)
                began = time.process_time()
                render(other)
                found["lightwell"].append(time.process_time() - began)
            for name, times in run_for_json(command).items():
                found[name] += times
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the CPU time of a drawing by each system; return 2 if matplotlib is missing."""
    parser = script_parser("python -m scripts.bench.drawing", __doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds (5)")
    parser.add_argument("--python", help="interpreter that has matplotlib")
    flags = parser.parse_args(arguments)
    try:
        # Processes start in another folder; a link to an interpreter must not be resolved.
        python = str(Path(flags.python).absolute() if flags.python else python_of("matplotlib"))
        found = measure(python, flags.rounds)
    except (NotInstalledError, RuntimeError, OSError) as error:
        return fail("scripts.bench.drawing", str(error), 2)
    table = Table(title="CPU time to draw all activations of a digit as PNG")
    for head in ("", "ms", "÷ Lightwell"):
        table.add_column(head, justify="right" if head else "left")
    own = median(found["lightwell"])
    for name, title in NAMES.items():
        table.add_row(
            title, f"{1e3 * median(found[name]):,.1f}", f"{median(found[name]) / own:.2f}"
        )
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
