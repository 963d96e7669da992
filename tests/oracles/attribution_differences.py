"""Largest differences of served attributions from float64, and how often their checks fail.

python -m tests.oracles.attribution_differences
python -m tests.oracles.attribution_differences --images 200 faithfulness

prints the figures of docs/methods.md: of sample images of all digits, with targets, baselines and
settings drawn at random, by the shipped weights on this machine.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from models.cnn.layout import layout_of
from models.data import samples
from models.registry import load
from models.runtime.resident import ResidentProgram
from probes.cnn import faithfulness
from probes.cnn.attribution_methods import MethodInput, MethodParameters, attribute, enlarged
from probes.cnn.baselines import baseline
from probes.shared.choices import resolved
from tests.networks import SIMPLE_CNN
from tests.oracles import attribution64
from tests.oracles.attribution64 import Network
from tests.probes.cnn.attributed import done

BASELINES = ("black", "white", "mean", "blur")
LAYERS = ("relu1", "pool1", "relu2", "pool2", "relu3")
CAMS = ("grad_cam", "hirescam", "layer_cam")
NODES = (50, 100, 256)
PROGRAMS = ("score", "gradient", "layer_gradient")

Settings = Mapping[str, Any]


class Served:
    """The programs of a server with the shipped weights, called without HTTP."""

    def __init__(self) -> None:
        model = load("cnn")
        model.compile()
        model.compile_larger_buckets()
        self.weights = model.checkpoint.tensors
        self.programs: dict[str, ResidentProgram] = {}
        for program in model.analyses.values():
            if program.name in PROGRAMS:
                model.compile_analysis(program)
                self.programs[program.name] = model.programs[program.name]

    def done(self, way: Any) -> Any:
        """Drive a generator of program calls to its end and return its result."""
        return done(way, self.programs)

    def attributed(self, image: np.ndarray, target: np.ndarray, settings: Settings) -> Any:
        """Attribute, with the numbers that check the map."""
        return self.done(attribute(given(image, target, settings)))


def given(image: np.ndarray, target: np.ndarray, settings: Settings) -> MethodInput:
    """Input of an attribution method from settings by name."""
    return MethodInput(
        SIMPLE_CNN, image, target, resolved(MethodParameters(**settings), SIMPLE_CNN)
    )


def pictures(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sample images, each with a target: its digit, or in every second less another digit."""
    random, held = np.random.default_rng(0), samples.load()
    for at in range(count):
        target = np.zeros(10, np.float32)
        target[held.labels[at]] = 1
        if at % 2:
            target[(held.labels[at] + random.integers(1, 10)) % 10] = -1
        yield held.images[at].astype(np.float32) / np.float32(255), target


def settings_of(random: np.random.Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    """Settings to compare for one image, drawn at random, by the name of their row."""
    yield "gradient", {"method": "gradient"}
    yield "gradient_x_input", {"method": "gradient_x_input"}
    smoothed = {"samples": 8, "noise": 0.15, "seed": int(random.integers(1000))}
    yield "smoothgrad", {"method": "smoothgrad", **smoothed}
    window = int(random.integers(1, 12))
    stride = int(random.integers(1, window + 1))
    for name in BASELINES:
        nodes = int(random.choice([16, 50]))
        integrated = {"method": "integrated_gradients", "baseline": name, "nodes": nodes}
        yield f"integrated_gradients {name}", integrated
    sides = {"window": window, "stride": max(stride, 2)}
    yield "occlusion", {"method": "occlusion", "baseline": random.choice(BASELINES), **sides}
    for method in CAMS:
        for layer in LAYERS:
            yield f"{method} {layer}", {"method": method, "layer": layer}


def expected(network: Network, image: np.ndarray, target: np.ndarray, settings: Settings) -> Any:
    """The map in float64."""
    wide, method = image.astype(np.float64), settings["method"]
    if method in CAMS:
        return attribution64.cam(network, wide, target, method, settings["layer"])
    if method in {"gradient", "gradient_x_input"}:
        found = network.gradients(wide[None], target)[0]
        return found * wide if method == "gradient_x_input" else found
    if method == "smoothgrad":
        random = np.random.default_rng(settings["seed"])
        shape = (settings["samples"], 28, 28)
        noise = random.normal(0.0, settings["noise"], shape).astype(np.float32)
        return network.gradients(image + noise, target).mean(0)
    start = baseline(settings["baseline"], image, SIMPLE_CNN).astype(np.float64)
    if method == "occlusion":
        sides = settings["window"], settings["stride"]
        return attribution64.occlusion(network, wide, start, target, sides)
    nodes = settings["nodes"]
    return attribution64.integrated_gradients(network, wide, start, target, nodes)


def differences(served: Served, count: int) -> None:
    """Print by method the largest and the median difference of a map's values from float64."""
    network, random = Network(served.weights), np.random.default_rng(1)
    rows: dict[str, list[tuple[float, float]]] = {}
    for image, target in pictures(count):
        for name, settings in settings_of(random):
            found = served.attributed(image, target, settings)["map"]
            truth = expected(network, image, target, settings)
            apart = float(np.abs(found - truth).max()), float(np.abs(truth).max())
            rows.setdefault(name, []).append(apart)
    for name, measured in rows.items():
        apart, largest = np.array(measured).T
        numbers = f"largest {apart.max():.1e}, median {np.median(apart):.1e}"
        show(f"{name:28} {numbers}, of values up to {largest.max():.2g}")


def completeness(served: Served, count: int) -> None:
    """Print by baseline and nodes the error of the sum of integrated gradients."""
    for name in BASELINES:
        for nodes in NODES:
            settings = {"method": "integrated_gradients", "baseline": name, "nodes": nodes}
            found = [served.attributed(*one, settings) for one in pictures(count)]
            delta = np.abs([float(one["delta"]) for one in found])
            apart = np.abs([float(one["f_input"] - one["f_baseline"]) for one in found])
            over = int((delta > np.maximum(0.05 * apart, 0.01)).sum())
            numbers = f"largest |delta| {delta.max():.3f}, median {np.median(delta):.3f}"
            show(f"{name:6} {nodes:3} nodes: {numbers}; above 5 % in {over} of {count}")


def ties(served: Served, count: int) -> None:
    """Print how much a gradient that tied values share equally changes each map, in float64."""
    rules = [Network(served.weights, rule) for rule in ("first", "shared")]
    wanted = [{"method": "gradient"}, {"method": "gradient_x_input"}]
    wanted += [
        {"method": "integrated_gradients", "baseline": name, "nodes": 16} for name in BASELINES
    ]
    for settings in wanted:
        shares = []
        for image, target in pictures(count):
            first, shared = (expected(rule, image, target, settings) for rule in rules)
            shares.append(np.abs(first - shared).max() / np.abs(first).max())
        name = " ".join(settings[key] for key in ("method", "baseline") if key in settings)
        numbers = f"{np.min(shares):.2f} to {np.max(shares):.2f}, median {np.median(shares):.2f}"
        show(f"{name:28} changes by {numbers} of its largest value")


def faithful(served: Served, count: int) -> None:
    """Print by method how often the deletion curve in the map's order is the higher one."""
    wanted: list[dict[str, Any]] = [
        {"method": name}
        for name in ("gradient", "gradient_x_input", "smoothgrad", "integrated_gradients")
    ]
    wanted += [{"method": "occlusion"}]
    wanted += [{"method": method, "layer": layer} for method in CAMS for layer in LAYERS]
    for settings in wanted:
        gains = []
        for image, target in pictures(count):
            shown = enlarged(served.attributed(image, target, settings)["map"], (28, 28))
            curves = served.done(faithfulness.deletion(given(image, target, settings), shown))
            gains.append(faithfulness.gain(*curves))
        negative = 100 * float((np.array(gains) < 0).mean())
        name = " ".join(settings.values())
        numbers = f"median {np.median(gains):.2f}, least {np.min(gains):.2f} logits"
        show(f"{name:28} negative in {negative:.0f} %, {numbers}")


def sanity(served: Served, count: int) -> None:
    """Print by method and baseline the mean rank correlations with maps of reset weights."""
    plain = ("gradient", "gradient_x_input", "smoothgrad", *CAMS)
    wanted = [{"method": name} for name in plain]
    wanted += [
        {"method": method, "baseline": name}
        for method in ("integrated_gradients", "occlusion")
        for name in BASELINES
    ]
    for settings in wanted:
        ranks = []
        for image, target in pictures(count):
            trained = served.attributed(image, target, settings)["map"]
            check = faithfulness.randomisation_check(given(image, target, settings), trained)
            ranks.append(served.done(check))
        means = np.nanmean(ranks, axis=0)
        values, magnitudes = (" ".join(f"{one:5.2f}" for one in row) for row in means.T)
        name, last = " ".join(settings.values()), layout_of(SIMPLE_CNN).cascade[0]
        show(f"{name:28} values {values}; magnitudes {magnitudes}, reset from {last} on")


SECTIONS: Mapping[str, Callable[[Served, int], None]] = {
    "differences": differences,
    "completeness": completeness,
    "ties": ties,
    "faithfulness": faithful,
    "sanity": sanity,
}


def show(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print the sections that are asked for, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    parser.add_argument("--images", type=int, default=60)
    arguments = parser.parse_args()
    served = Served()
    for name in arguments.sections or SECTIONS:
        show(f"{name}, {arguments.images} sample images")
        SECTIONS[name](served, arguments.images)


if __name__ == "__main__":
    main()
