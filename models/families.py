"""Families of networks: programs, analyses and runs of networks of images and of sequences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import jax

from models.architecture import Architecture
from models.cnn.analyses import image_analyses
from models.cnn.layout import layout_of as image_layout
from models.cnn.programs import image_programs, run_image
from models.rnn.ablations import sequence_ablations
from models.rnn.analyses import sequence_analyses
from models.rnn.layout import layout_of as sequence_layout
from models.rnn.programs import run_sequence, sequence_programs
from models.runtime.programs import Family, Program, Row, Run, row_buckets

COMPILER_OPTIONS: Mapping[Family, Mapping[str, str | bool]] = {
    "image": {"xla_backend_optimization_level": "1", "xla_cpu_use_fusion_emitters": "False"},
    "sequence": {"xla_backend_optimization_level": "1"},
}
"""XLA compiler options on CPU by family, which shorten compilation at equal run time.

LLVM's first level saves a tenth, and XLA's older emitters two fifths. Only networks of images use
those: the newer ones make a loop over steps up to twice as fast.
"""


@dataclass(frozen=True)
class _Functions:
    """Functions of a family of networks, which take an architecture.

    Attributes:
        programs: Returns predict and trace programs.
        analyses: Returns the programs that are compiled after the server is ready.
        run: Returns the run of one input through predict or trace.
        most_rows: Returns how many rows of predict and trace are within the limits of a batch.
    """

    programs: Callable[[Architecture], list[Program]]
    analyses: Callable[[Architecture], list[Program]]
    run: Callable[[Architecture, str, Row, frozenset[str]], Run]
    most_rows: Callable[[Architecture], int]


def core_programs(architecture: Architecture) -> list[Program]:
    """Return the programs predict and trace of a network of any family."""
    return _compilable(architecture, _FAMILIES[architecture.family].programs(architecture))


def core_buckets(architecture: Architecture) -> tuple[int, ...]:
    """Return the batch sizes of predict and trace for a network of any family, ascending.

    They are those of the family on this machine; on CPU without those in which a large network
    would keep other requests waiting.
    """
    buckets = row_buckets(architecture.family)
    if jax.default_backend() != "cpu":
        return buckets
    most = _FAMILIES[architecture.family].most_rows(architecture)
    return tuple(bucket for bucket in buckets if bucket <= most) or buckets[:1]


def analysis_programs(architecture: Architecture) -> list[Program]:
    """Return the analysis programs of a network of any family."""
    return _compilable(architecture, _FAMILIES[architecture.family].analyses(architecture))


def run_input(architecture: Architecture, program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Run one input of a network of any family through predict or trace.

    Args:
        program: `predict` or `trace`.
        row: Input of the network, as its programs read it.
        outputs: Names of the outputs to return.
    """
    return _FAMILIES[architecture.family].run(architecture, program, row, outputs)


def _compilable(architecture: Architecture, programs: Sequence[Program]) -> list[Program]:
    """Give programs the compiler options of their family, and the signature of their network."""
    options = COMPILER_OPTIONS[architecture.family]
    return [
        replace(program, options=options, signature=architecture.signature) for program in programs
    ]


def _run_image(_: Architecture, program: str, row: Row, outputs: frozenset[str]) -> Run:
    return run_image(program, row, outputs)


def _sequence_analyses(architecture: Architecture) -> list[Program]:
    return [*sequence_analyses(architecture), *sequence_ablations(architecture)]


def _most_images(architecture: Architecture) -> int:
    return image_layout(architecture).most_rows


def _most_sequences(architecture: Architecture) -> int:
    layout = sequence_layout(architecture)
    return layout.rows(layout.chunks[-1])


_FAMILIES: Mapping[Family, _Functions] = {
    "image": _Functions(image_programs, image_analyses, _run_image, _most_images),
    "sequence": _Functions(sequence_programs, _sequence_analyses, run_sequence, _most_sequences),
}
