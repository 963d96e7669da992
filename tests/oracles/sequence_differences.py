"""Largest differences of served analyses of sequences from the float64 network.

python -m tests.oracles.sequence_differences
python -m tests.oracles.sequence_differences --checkpoint uncertified memory flip

prints the figures of docs/methods.md: over random structured sequences of every kind, by a server
in this process. `tests.oracles.rounding` has the states and logits by length.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.rnn.structured_sequences import SEQUENCE_KINDS
from models.rnn.unit_statistics import held_out_sequences
from models.runtime.programs import Call
from probes.rnn.counter import ablation_sequences
from probes.rnn.counter_ablations import every_set
from probes.rnn.shapley import shapley_values
from probes.rnn.state_map import StateMap
from tests.networks import COUNTING_LSTM
from tests.oracles.edited_lstm import NAMES, edited_trace
from tests.oracles.numpy64 import lstm_trace
from tests.probes.handmade import ablated

NODES = (50, 200)
BASELINES = {"zero": 0.0, "one": 1.0, "half": 0.5}
ZEROS = np.zeros(8), np.zeros(8)
YES = np.array([-1.0, 1.0])


class Served:
    """A server in this process, asked about one checkpoint, and its weights in float64."""

    def __init__(self, app: FastAPI, client: TestClient, checkpoint: str | None) -> None:
        model = app.state.engine.models["lstm"]
        self.client, self.checkpoint, self.programs = client, checkpoint, model.programs
        self.weights = model.training_checkpoints[checkpoint] if checkpoint else model.weights

    def ask(self, probe: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """Return tensors and measures of an answer by name."""
        query |= {"checkpoint": self.checkpoint} if self.checkpoint else {}
        path = f"/lstm/{probe}"
        if body is None:
            answer = self.client.get(path, params=query)
        else:
            answer = self.client.post(path, params=query, json=body)
        assert answer.status_code == 200, answer.text
        given = answer.json()
        tensors = {one["name"]: np.array(one["data"], one["dtype"]) for one in given["tensors"]}
        return tensors | {one["name"]: one["value"] for one in given["measures"]}

    def ablated(self, bits: np.ndarray, keep: np.ndarray, instead: np.ndarray) -> Any:
        """Return the outputs of the program that ablates units."""
        row = {"sequence": bits, "keep": keep, "instead": instead}
        outputs = frozenset({"logits", "mean_hidden"})
        call = Call("ablate", row, outputs, checkpoint=self.checkpoint)
        return self.programs["ablate"]([call])[0]

    def trace(self, bits: np.ndarray) -> dict[str, np.ndarray]:
        """Run inputs of any size in float64."""
        return lstm_trace(bits, self.weights)

    def target(self, inputs: np.ndarray) -> float:
        """Return the logit difference yes − no of inputs of any size in float64."""
        return float(self.trace(inputs)["logits"][-1] @ YES)

    @cached_property
    def readout(self) -> np.ndarray:
        """Weights of the hidden state in the logit difference, in float64."""
        kernel: np.ndarray = self.weights["readout.kernel"].astype(np.float64)
        return kernel @ YES


class Largest:
    """Largest differences by name, and the sizes of the values that differ."""

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[float, float]]] = {}

    def add(self, name: str, served: Any, exact: Any) -> None:
        """Add one comparison of served values with those in float64."""
        apart = np.abs(np.asarray(served, np.float64) - exact).max()
        self.found.setdefault(name, []).append((float(apart), float(np.abs(exact).max())))

    def show(self) -> None:
        """Print the largest and the median difference by name."""
        for name, measured in self.found.items():
            apart, size = np.array(measured).T
            number = f"largest {apart.max():.1e}, median {np.median(apart):.1e}"
            show(f"  {name:26} {number}, of values up to {size.max():.2g}, {len(apart)} answers")


def sequences(length: int) -> list[np.ndarray]:
    """Draw eight structured sequences of each of the eight kinds."""
    random = np.random.default_rng(length)
    return [bits for kind in SEQUENCE_KINDS.values() for bits in kind(random, 8, length)]


def posted(bits: np.ndarray) -> dict[str, Any]:
    """Return the body of a request about a sequence."""
    return {"sequence": bits.tolist()}


def contributions(trace: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return each step's part of the last cell state, from its definition; zero initial state."""
    forget = trace["forget_gate"]
    later = np.cumprod(np.concatenate([forget[1:], np.ones_like(forget[:1])])[::-1], axis=0)[::-1]
    return np.asarray(later * trace["input_gate"] * trace["candidate"])


def memory(served: Served, largest: Largest) -> None:
    """Contributions of steps to the cell state, after 512 and after 4,096 steps."""
    for length in (512, 4096):
        for bits in sequences(length):
            found = served.ask("memory", posted(bits))
            trace = served.trace(bits)
            parts = contributions(trace)
            largest.add(f"{length}, contributions", found["contributions"][1:], parts)
            largest.add(f"{length}, rounding", found["rounding"], 0.0)
            largest.add(f"{length}, float64", parts.sum(axis=0), trace["cell"][-1])


def decomposition(served: Served, largest: Largest) -> None:
    """Shares of steps in the logit difference, after 512 steps."""
    for bits in sequences(512):
        trace = served.trace(bits)
        paths = {"change": trace["cell"][1:], "memory": np.cumsum(contributions(trace), axis=0)}
        for split, path in paths.items():
            found = served.ask("decomposition", posted(bits), split=split)
            shares = np.diff(np.tanh(path), axis=0, prepend=0.0)
            exact = served.readout * trace["output_gate"][-1] * shares
            largest.add(f"{split}, shares", found["contributions"][1:], exact)
            largest.add(f"{split}, rounding", found["rounding"], 0.0)
            whole = exact.sum() + served.weights["readout.bias"].astype(np.float64) @ YES
            largest.add(f"{split}, float64", whole, trace["logits"][-1] @ YES)


def flip(served: Served, largest: Largest) -> None:
    """Loss of the logit difference by a flip of each bit, of 40 steps."""
    for bits in sequences(40):
        found = served.ask("attribution", posted(bits), method="flip")
        whole = served.target(bits)
        flipped = [np.where(np.arange(40) == at, 1 - bits, bits) for at in range(40)]
        largest.add("flip", found["attribution"], [whole - served.target(one) for one in flipped])


def shapley(served: Served, largest: Largest) -> None:
    """Shapley values of the last eight bits of 24, with baseline half."""
    has = (np.arange(2**8)[:, None] >> np.arange(8)) & 1
    for bits in sequences(24):
        query = {"method": "shapley", "baseline": "half", "free": ",".join(map(str, range(17, 25)))}
        found = served.ask("attribution", posted(bits), **query)
        inputs = np.tile(bits.astype(float), (2**8, 1))
        inputs[:, 16:] = np.where(has, bits[16:], 0.5)
        worth = np.array([served.target(one) for one in inputs])
        largest.add("shapley", found["attribution"], shapley_values(worth))
        largest.add("delta", found["delta"], 0.0)


def gradient(served: Served, largest: Largest) -> None:
    """Gradient of the logit difference by each bit, of 24 steps, against central differences."""
    moved = 1e-5 * np.eye(24)
    for bits in sequences(24):
        found = served.ask("attribution", posted(bits), method="gradient_x_input")
        slopes = [served.target(bits + one) - served.target(bits - one) for one in moved]
        largest.add("gradient", found["gradient"], np.array(slopes) / 2e-5)


def integrated(served: Served, largest: Largest) -> None:
    """Error of the sum of integrated gradients, by length and baseline."""
    for length in (12, 40, 128):
        for baseline in BASELINES:
            query = {"method": "integrated_gradients", "baseline": baseline}
            answers = [served.ask("attribution", posted(one), **query) for one in sequences(length)]
            for one in answers:
                largest.add(f"{length} {baseline}, delta", one["delta"], 0.0)
            apart = np.array([one["f_input"] - one["f_baseline"] for one in answers])
            delta = np.array([one["delta"] for one in answers])
            over = int((np.abs(delta) > np.maximum(0.05 * np.abs(apart), 0.01)).sum())
            used = np.array([one["evaluations"] for one in answers])
            numbers = f"gradients: median {np.median(used):.0f}, most {used.max()}"
            show(f"  {length} {baseline}: above 5 % in {over} of {len(answers)}; {numbers}")


def unedited(served: Served, largest: Largest) -> None:
    """Baseline of an intervention, of 300 steps, against the trace."""
    for bits in sequences(300):
        found = served.ask("intervene", posted(bits), values=",".join(NAMES))
        trace = served.ask("trace", posted(bits))
        for name in NAMES:
            largest.add(name, found[f"{name}.baseline"], trace[name])
        largest.add("logits", found["logits"][0], trace["logits"][-1])


def intervene(served: Served, largest: Largest) -> None:
    """Values under random edits of one unit from a random step on, of 40 steps."""
    random = np.random.default_rng(1)
    for bits in sequences(40):
        name, unit = str(random.choice(NAMES)), int(random.integers(8))
        first, amount = int(random.integers(1, 40)), float(np.float32(random.uniform(-1, 1)))
        operation = str(random.choice(["scale", "add", "set"]))
        edit = {"value": name, "units": [unit], "steps": [first, 40]}
        edits = [{**edit, "operation": operation, "amount": amount}]

        def through(
            at: str,
            step: int,
            value: np.ndarray,
            of: tuple[str, int, int] = (name, unit, first),
            change: tuple[str, float] = (operation, amount),
        ) -> np.ndarray:
            if at == of[0] and step >= of[2]:
                value = value.copy()
                kept = {"scale": value[of[1]] * change[1], "add": value[of[1]] + change[1]}
                value[of[1]] = kept.get(change[0], change[1])
            return value

        exact = edited_trace(bits, served.weights, *ZEROS, through)
        body = {**posted(bits), "edits": edits}
        found = served.ask("intervene", body, values=",".join(NAMES))
        for value in NAMES:
            largest.add(value, found[f"{value}.edited"][-40:], exact[value])
        largest.add("logits", found["logits"][1], exact["logits"][-1])


def patching(served: Served, largest: Largest) -> None:
    """Logit difference with each unit's cell state patched at each of 14 steps."""
    random = np.random.default_rng(2)
    for bits in sequences(14):
        at = int(random.integers(14))
        other = np.where(np.arange(14) == at, 1 - bits, bits)
        found = served.ask("patching", {**posted(bits), "source": posted(other)})
        source = served.trace(other)["cell"][1:]
        exact = np.empty((14, 8))
        for step, unit in np.ndindex(14, 8):

            def through(
                name: str,
                now: int,
                value: np.ndarray,
                place: tuple[int, int] = (step, unit),
                cell: np.ndarray = source,
            ) -> np.ndarray:
                if (name, now - 1) == ("cell", place[0]):
                    value = value.copy()
                    value[place[1]] = cell[place]
                return value

            logits = edited_trace(bits, served.weights, *ZEROS, through)["logits"][-1]
            exact[step, unit] = logits @ YES
        largest.add("logit_difference", found["logit_difference"], exact)


def counter(served: Served, largest: Largest) -> None:
    """Ablations of 64 random sets of units; accuracy of 68 sets, with the others at their mean."""
    found = served.ask("counter")
    bits, weights = ablation_sequences(), served.weights
    random = np.random.default_rng(3)
    for _ in range(64):
        keep = random.integers(0, 2, 8).astype(np.float32)
        instead = random.uniform(-1, 1, 8).astype(np.float32)
        made = served.ablated(bits, keep, instead)
        for name, value in ablated(bits, weights, keep, instead).items():
            largest.add(name, made[name], value)
    yes = 2 * bits.sum(axis=1, dtype=int) > bits.shape[1]
    mean = ablated(bits, weights, np.ones(8), np.zeros(8))["mean_hidden"]
    for keep in (*np.eye(8), *(1 - np.eye(8)), *every_set(8)[::5]):
        logits = ablated(bits, weights, keep, mean)["logits"]
        accuracy = (logits.argmax(axis=1) == yes).mean()
        by_unit = found["accuracy_by_unit"]
        row = {1: (0, keep.argmax()), 7: (1, keep.argmin())}.get(int(keep.sum()))
        if row:
            largest.add("accuracy of one unit, or without it", by_unit[row], accuracy)
        best = found["best_accuracy"][int(keep.sum())]
        largest.add("excess over the best of its size", max(accuracy - best, 0.0), 0.0)


def dynamics(served: Served, largest: Largest) -> None:
    """Trajectories of held-out sequences; q at the points found, by the other float64 network."""
    bits = held_out_sequences()
    ran = StateMap(COUNTING_LSTM, served.weights).run(bits[..., None])
    for row, states in zip(bits, ran, strict=True):
        trace = served.trace(row)
        exact = np.concatenate([trace["hidden"], trace["cell"]], axis=1)
        largest.add("trajectories", states, exact)
    for seed in range(8):
        for constant, word in ((0.5, "10"), (0.0, "1100"), (1.0, "110")):
            query = {"input": constant, "word": word, "seed": seed, "points": 8}
            found = served.ask("dynamics", **query)
            inputs = {"": np.array([constant]), "word_": np.array([int(one) for one in word])}
            for prefix, bits in inputs.items():
                for state, q in zip(found[f"{prefix}points"], found[f"{prefix}q"], strict=True):
                    hidden, cell = np.split(state, 2)
                    trace = lstm_trace(bits, served.weights, cell, hidden)
                    after = np.concatenate([trace["hidden"][-1], trace["cell"][-1]])
                    largest.add("q", q, 0.5 * ((after - state) ** 2).sum())


SECTIONS: Mapping[str, Callable[[Served, Largest], None]] = {
    section.__name__: section
    for section in (
        memory,
        decomposition,
        flip,
        shapley,
        gradient,
        integrated,
        unedited,
        intervene,
        patching,
        counter,
        dynamics,
    )
}


def show(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print the sections that are asked for, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    parser.add_argument("--checkpoint", help="name of a checkpoint; default the trained network")
    arguments = parser.parse_args()
    app = create_app(Settings())
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(app.state.engine.analyses_warmed)
        served = Served(app, client, arguments.checkpoint)
        for name in arguments.sections or SECTIONS:
            show(f"{name}: {(SECTIONS[name].__doc__ or '').strip()}")
            largest = Largest()
            SECTIONS[name](served, largest)
            largest.show()


if __name__ == "__main__":
    main()
