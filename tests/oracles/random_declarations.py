"""Compare networks of random declarations with the interpreter in NumPy and float64.

    python -m tests.oracles.random_declarations
    python -m tests.oracles.random_declarations --seeds 1000 --first 5000
    python -m tests.oracles.random_declarations --served

Prints the largest difference of a trace value for each kind of layer, as a share of what agrees:
1e-5 · max(1, largest value). With `--served` the programs of a server compute the values, which
takes longer. A declaration that is refused must have a mistake in it.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import jax
import numpy as np

from models.architecture import Architecture
from models.declaration.declaration import parse_declaration
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from models.reference import TOLERANCE, traced_values
from models.registry import ResidentModel
from models.runtime.checkpoints import Checkpoint
from models.runtime.resident import drive
from tests.oracles.declarations import draw, draw_input, draw_parameters
from tests.oracles.interpreter import Values, interpret

SEEDS = 300


def derived(seed: int) -> Architecture | None:
    """Derive the architecture of a drawn declaration; None where a mistake in it is refused."""
    text, mistake = draw(seed)
    try:
        return derive(parse_declaration(text))
    except DeclarationError:
        if mistake is None:
            raise
        return None


def shares(exact: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the largest difference of each value as a share of what agrees."""
    assert {*found} == {*exact}
    largest = {}
    for name, value in exact.items():
        assert found[name].shape == value.shape, name
        limit = TOLERANCE * max(1.0, np.abs(value).max())
        largest[name] = float(np.abs(found[name] - value).max() / limit)
    return largest


def computed(architecture: Architecture, parameters: Values, given: np.ndarray) -> Values:
    """Compute the trace of one input by the network itself."""
    values = jax.jit(traced_values(architecture))(jax.device_put(parameters), given[None])
    return {name: np.asarray(value)[0] for name, value in values.items()}


def served(
    architecture: Architecture, parameters: Values, given: np.ndarray, states: Values
) -> Values:
    """Compute the trace of one input by the programs that a server runs, channel last."""
    model = ResidentModel("drawn", architecture, Checkpoint(dict(parameters), {}, "0" * 64))
    model.compile()
    name = "image" if architecture.family == "image" else "sequence"
    row = given.astype(np.uint8) if given.dtype.kind == "i" else given
    wanted = frozenset(architecture.layers)
    (values,) = drive([model.run("trace", {name: row, **states}, wanted)], model.programs)
    if name == "image":
        return {key: np.moveaxis(values[key], 0, -1) for key in architecture.layers}
    # States have the initial one first.
    return {key: values[key][-len(given) :] for key in architecture.layers}


def draw_states(architecture: Architecture, seed: int) -> Values:
    """Draw the initial states of a network of sequences; none of one of images."""
    random = np.random.default_rng(seed)
    return {
        state.name: random.normal(size=state.units).astype(np.float32)
        for state in architecture.states
    }


def compare(
    seed: int, *, by_server: bool = False, length: int = 7
) -> tuple[Architecture, dict[str, float]] | None:
    """Compare the network of a drawn declaration with the interpreter; None where it is refused.

    Args:
        by_server: Whether a server's programs compute the values, from drawn initial states.
        length: Number of steps of a sequence.
    """
    found = derived(seed)
    if found is None:
        return None
    parameters = draw_parameters(found.parameters, seed)
    given = draw_input(found.declaration, seed, length)
    states = draw_states(found, seed) if by_server else {}
    exact = interpret(found.declaration, parameters, given, states)
    if by_server:
        return found, shares(exact, served(found, parameters, given, states))
    return found, shares(exact, computed(found, parameters, given))


def kinds(architecture: Architecture) -> Iterator[tuple[str, str]]:
    """Yield each trace value with the layer line's word that computes it."""
    for name in architecture.layers:
        node = next((one for one in architecture.nodes if one.value == name), None)
        layer = name.partition(".")[0]
        inner = "one unit" if name == "logits" else f"recurrent {name.rpartition('.')[2]}"
        if node is None:
            yield name, inner if layer else name
            continue
        line = architecture.declaration.layers[node.line].text.rpartition(":")[2].split()
        yield name, line[0]


def main() -> int:
    """Print the largest differences; return 1 if one does not agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracles.random_declarations")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--served", action="store_true", help="run the programs of a server")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    largest: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, -1))
    for seed in range(options.first, options.first + options.seeds):
        found = compare(seed, by_server=options.served)
        counts["refused" if found is None else found[0].family] += 1
        for name, kind in kinds(found[0]) if found else ():
            largest[kind] = max(largest[kind], (found[1][name], seed))
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))  # noqa: T201 - a command
    for kind, (share, seed) in sorted(largest.items(), key=lambda one: -one[1][0]):
        print(f"{kind:24} {share:8.4f}  seed {seed}")  # noqa: T201
    return int(max(share for share, _ in largest.values()) > 1)


if __name__ == "__main__":
    sys.exit(main())
