"""Measure the findings on reference networks: `python -m scripts.findings cnn`."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from probes.shared.statements import STATEMENTS, Measurement
from scripts.findings import cnn, lstm
from scripts.findings.networks import Family, Network

FAMILIES: Mapping[str, Family] = {
    "cnn": cast("Family", cnn),
    "lstm": cast("Family", lstm),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `scripts.findings`: print a row for each network, and the supported ones by part."""
    options = _parser().parse_args(arguments)
    family = FAMILIES[options.model]
    unknown = sorted(set(options.parts) - set(family.PARTS))
    if unknown:
        print(
            f"error: --parts '{', '.join(unknown)}' is not one of {', '.join(family.PARTS)}",
            file=sys.stderr,
        )
        return 2
    for line in table(family, options.model, options.parts or list(family.PARTS), options.cache):
        print(line, flush=True)
    return 0


def table(family: Family, model: str, parts: Sequence[str], folder: Path | None) -> Iterator[str]:
    """Yield the lines of the findings' table in Markdown: each network, then a row per part."""
    keys = [key for key, one in STATEMENTS.items() if one.model == model]
    yield f"| network | trained on | {' | '.join(keys)} |"
    yield "|---" * (2 + len(keys)) + "|"
    for part in parts:
        supported, number = dict.fromkeys(keys, 0), 0
        for network in family.reference_networks(part, folder):
            measured = family.measure(network.weights)
            yield _row(network, keys, measured)
            number += 1
            for key in keys:
                supported[key] += _supported(key, measured[key])
        counts = " | ".join(f"{supported[key]} of {number}" for key in keys)
        yield f"| **{part}** | {family.PARTS[part]} | {counts} |"


def _row(network: Network, keys: Sequence[str], measured: Mapping[str, Measurement]) -> str:
    """Row of a network in the findings' table: the values, with the verdict of each."""
    cells = (
        f"{measured[key].value:.3f} {'yes' if _supported(key, measured[key]) else 'no'}"
        for key in keys
    )
    return f"| {network.name} | {network.kind} | {' | '.join(cells)} |"


def _supported(key: str, measured: Measurement) -> bool:
    return measured.supports(STATEMENTS[key].least)


def _parser() -> argparse.ArgumentParser:
    """Build the parser of `scripts.findings`."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.findings",
        description="Measure the findings on reference networks, and print a table in Markdown.",
        epilog="parts: "
        + "; ".join(f"of {model} {', '.join(one.PARTS)}" for model, one in FAMILIES.items()),
    )
    parser.add_argument("model", choices=FAMILIES, help="the model whose findings are measured")
    parser.add_argument(
        "--parts",
        nargs="+",
        default=[],
        metavar="PART",
        help="parts of the table; all where left out",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder that keeps trained networks, so that a later run only measures them",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
