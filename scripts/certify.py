"""Compute the certificate of an LSTM: a length up to which it answers every sequence correctly.

python -m scripts.certify                            # of the shipped weights
python -m scripts.certify --checkpoint uncertified   # of a checkpoint in their record
python -m scripts.certify --folder runs/lstm         # of other weights
python -m scripts.certify --search                   # and search for the shortest error
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax

from models.architecture import Architecture
from models.registry import load
from models.rnn.certificate import Certificate, UnitBounds, certify
from models.rnn.evaluation import Measurement, measure
from models.rnn.programs import graph_definition
from models.runtime.checkpoints import CheckpointError, Tensors
from models.weights_folder import find_weights

GATES = ("input gate", "forget gate", "candidate", "output gate")

SEARCHED = Measurement(longest=16, sequences=400)
"""Sequences among which `scripts.certify` searches for an error."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the certificate that the command line of `scripts.certify` selects; return the status.

    The status is 1 where the weights cannot be read, and 2 where nothing is certified.
    """
    options = _parser().parse_args(arguments)
    try:
        architecture, weights = _weights(options.folder, options.checkpoint)
    except CheckpointError as error:
        print(f"scripts.certify: {error}", file=sys.stderr)
        return 1
    certificate = certify(architecture, weights)
    print("\n".join(_lines(certificate)))
    if options.search:
        print("\n".join(_search(architecture, weights)))
    return 0 if certificate.length else 2


def _weights(folder: Path | None, checkpoint: str | None) -> tuple[Architecture, Tensors]:
    """Return the LSTM and weights of `scripts.certify`, or those of a checkpoint in their record.

    Raises:
        CheckpointError: They cannot be read, or the record has no such checkpoint.
    """
    # A server serves the shipped weights of a network that the folder lacks.
    if folder and find_weights(folder, "lstm") is None:
        msg = f"{folder} has no lstm.safetensors"
        raise CheckpointError(msg)
    model = load("lstm", folder)
    if checkpoint is None:
        return model.architecture, model.weights
    if checkpoint not in model.training_checkpoints:
        listed = ", ".join(model.training_checkpoints) or "empty"
        msg = f"no checkpoint {checkpoint!r} in the record: {listed}"
        raise CheckpointError(msg)
    return model.architecture, model.training_checkpoints[checkpoint]


def _lines(certificate: Certificate) -> Iterator[str]:
    """Yield the lines of a certificate: its length, and the bounds of every unit."""
    length = certificate.length
    if length:
        counters = " and ".join(f"unit {unit}" for unit in certificate.counters)
        verb = "count" if len(certificate.counters) > 1 else "counts"
        tie, one_more = certificate.logits
        yield f"Every sequence of up to {length:,} bits is answered correctly; {counters} {verb}."
        yield f"Logit difference yes - no: at most {tie:.3f} with a tie,"
        yield f"at least {one_more:.3f} with one 1 more than 0s."
        yield f"Error of the count: at most {max(certificate.error):.3g}."
    else:
        yield "No length is certified: the bounds of no unit prove that it counts."
    for unit in range(len(certificate.bounds.step)):
        yield from _unit_lines(certificate.bounds, unit)


def _unit_lines(bounds: UnitBounds, unit: int) -> Iterator[str]:
    """Yield the lines of one unit in a certificate."""
    yield ""
    yield f"unit {unit}"
    for gate, name in enumerate(GATES):
        low, high = bounds.gates[:, gate, :, unit]
        ends = (f"{bit}: {low[bit]:.7f} to {high[bit]:.7f}" for bit in (0, 1))
        yield f"  {name:<12} {'   '.join(ends)}"
    yield f"  change       {bounds.step[unit]:+.4f} for a 1, within {bounds.deviation[unit]:.3g}"
    share = bounds.share[unit]
    yield f"  readout      {bounds.readout[unit]:+.4f}, contributes at most {share:.4f}"


def _search(architecture: Architecture, weights: Tensors) -> Iterator[str]:
    """Yield the lines of the search for errors: the shortest length with an error by kind."""
    graphdef = graph_definition(architecture)
    measured = measure(graphdef.merge(jax.device_put(dict(weights))), SEARCHED)
    by_length = measured["exhaustive"]["errors_by_length"]
    yield ""
    yield f"errors in all sequences of up to {len(by_length)} bits: {sum(by_length)}"
    for kind, found in measured["kinds"].items():
        first = found["first_error"]
        result = "no error" if first is None else f"first error at {first:,} bits"
        yield f"{kind:<16} {found['sequences']:>7,} sequences of {found['length']:,} bits: {result}"


def _parser() -> argparse.ArgumentParser:
    """Declare the options of `scripts.certify`."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.certify",
        description="Compute a length up to which an LSTM answers every sequence correctly. The "
        "exit status is 2 where no length is certified.",
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="folder of other weights")
    parser.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="checkpoint in the record, as served by ?checkpoint=NAME",
    )
    parser.add_argument(
        "--search",
        action="store_true",
        help="also search short and structured sequences for an error",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
