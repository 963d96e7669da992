"""Measure the rounding of the served LSTM: float32 against the float64 network, by length.

    python -m tests.oracles.rounding
    python -m tests.oracles.rounding --checkpoint uncertified --by-kind
    python -m tests.oracles.rounding --weights runs/lstm --each 16
    python -m tests.oracles.rounding --batches --each 8

Prints the largest difference at any step up to each length, over structured sequences of every
kind; the largest cell state, of which rounding is a share; and, of a network with a certificate,
the distance of the served cell states that count from the count. With `--batches` it compares rows
that run alone with rows that share batches of up to 16.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from models.registry import ResidentModel, load
from models.rnn.certificate import certify
from models.rnn.programs import run_sequence
from models.rnn.structured_sequences import SEQUENCE_KINDS
from models.runtime.resident import drive
from tests.oracles.numpy64 import lstm_trace

LENGTHS = (100, 512, 1024, 2048, 4096)
COMPARED = ("cell", "hidden", "logits")

Differences = dict[str, np.ndarray]


def differences(model: ResidentModel, sequences: Iterable[np.ndarray]) -> list[Differences]:
    """Return the largest difference of each value from float64 after each step, by sequence.

    Args:
        model: Served model, its programs compiled.
        sequences: Bit sequences.
    """
    rows = list(sequences)
    zeros = np.zeros(len(model.weights["readout.kernel"]), np.float32)
    wanted = frozenset(COMPARED)
    runs = [
        run_sequence(
            model.architecture, "trace", {"sequence": bits, "cell": zeros, "hidden": zeros}, wanted
        )
        for bits in rows
    ]
    proof = certify(model.architecture, model.weights)
    made = []
    for bits, served in zip(rows, drive(runs, model.programs), strict=True):
        exact = lstm_trace(bits, model.weights)
        # States have the initial one first.
        found = {name: np.abs(served[name] - exact[name])[-len(bits) :] for name in COMPARED}
        found["largest cell"] = np.abs(exact["cell"])[1:]
        if proof.counters:
            counters = list(proof.counters)
            count = np.cumsum(2.0 * bits - 1.0)[:, None] * proof.bounds.step[counters]
            found["count"] = np.abs(served["cell"][1:, counters] - count)
        made.append({name: one.max(axis=1) for name, one in found.items()})
    return made


def between_batches(model: ResidentModel, sequences: Iterable[np.ndarray]) -> list[Differences]:
    """Return the largest difference of each value between batches of 1 and of more rows, by step.

    Args:
        model: Served model, its programs compiled for the smallest bucket.
        sequences: Bit sequences.
    """
    rows = list(sequences)
    zeros = np.zeros(len(model.weights["readout.kernel"]), np.float32)
    wanted = frozenset(COMPARED)
    starts = [{"sequence": bits, "cell": zeros, "hidden": zeros} for bits in rows]
    run = partial(run_sequence, model.architecture, "trace")
    alone = [drive([run(one, wanted)], model.programs)[0] for one in starts]
    model.compile_larger_buckets()
    together = drive([run(one, wanted) for one in starts], model.programs)
    return [
        {name: np.abs(one[name] - other[name])[-LENGTHS[-1] :].max(axis=1) for name in COMPARED}
        for one, other in zip(alone, together, strict=True)
    ]


def table(found: Sequence[Differences]) -> str:
    """Format the largest differences up to each length as a table."""
    names = list(found[0])
    lines = [f"{'steps':>6}" + "".join(f"{name:>14}" for name in names)]
    for length in LENGTHS:
        largest = (max(one[name][:length].max() for one in found) for name in names)
        lines.append(f"{length:>6}" + "".join(f"{value:>14.2g}" for value in largest))
    return "\n".join(lines)


def with_checkpoint(model: ResidentModel, name: str | None) -> ResidentModel:
    """Return a model that serves one of its checkpoints."""
    if name is None:
        return model
    tensors = model.training_checkpoints[name]
    return replace(model, checkpoint=replace(model.checkpoint, tensors=tensors))


def drawn(each: int, seed: int) -> Mapping[str, np.ndarray]:
    """Draw structured sequences of the longest length, by kind."""
    random = np.random.default_rng(seed)
    return {name: kind(random, each, LENGTHS[-1]) for name, kind in SEQUENCE_KINDS.items()}


def main() -> None:
    """Measure and print the rounding of the LSTM that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of weights; default the shipped ones")
    parser.add_argument("--checkpoint", help="name of a checkpoint; default the trained network")
    parser.add_argument("--each", type=int, default=10, help="sequences of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--by-kind", action="store_true", help="print a table for each kind too")
    parser.add_argument("--batches", action="store_true", help="compare batch sizes instead")
    options = parser.parse_args()
    model = with_checkpoint(load("lstm", options.weights), options.checkpoint)
    model.compile()
    sequences = drawn(options.each, options.seed)
    if options.batches:
        rows = np.concatenate(list(sequences.values()))
        print(table(between_batches(model, rows)))  # noqa: T201 - a command
        return
    by_kind = {name: differences(model, bits) for name, bits in sequences.items()}
    if options.by_kind:
        for name, found in by_kind.items():
            print(f"{name}\n{table(found)}\n")  # noqa: T201 - a command
    everything = [one for found in by_kind.values() for one in found]
    head = f"{len(everything)} sequences of {LENGTHS[-1]:,} bits, largest difference"
    print(f"{head}\n{table(everything)}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
