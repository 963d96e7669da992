"""Fuzzer of declarations: keys, layer lines and sizes of `lightwell.toml` that do not fit."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from models.declaration.declaration import FILE
from models.declaration.toml_file import DeclarationError
from models.derivation import read_architecture
from tests.fuzz.mutation import mutated, seeded

LONGEST_S = 5.0
"""Time in which any declaration must be read or refused; reading one takes milliseconds."""

IMAGES = (
    "conv 4",
    "relu",
    "pool",
    "norm batch",
    "dropout 0.5",
    "conv 8 5x5 stride 2",
    "globalpool",
)
SEQUENCES = ("embed 4", "lstm 3", "gru 2", "rnn 5", "norm layer", "tanh", "dropout 0.1")
HOSTILE = (
    *("conv 8 99999x3", "conv 8 3x3 groups 3", "conv 4 1x1 stride 0", "pool 0x0", "dense 99999999"),
    *(
        "dense -1",
        "dense 1e9",
        "add relu1",
        "add input",
        "concat conv1",
        "concat " * 90,
        "lstm " * 30,
    ),
    *(
        "dense " + "9" * 180,
        "dense " + "9" * 4_400,
        "",
        " ",
        "é",
        "x" * 70 + ": relu",
        "a: b: relu",
    ),
    *(
        "conv 65536 63x63",
        "conv 512 dilation 99999",
        "lstm 512",
        "pool 2x2 stride 99",
        "attention 8",
    ),
)
INPUTS = (
    *(
        "{ features = 99999999999 }",
        "{ image = [0, -1, 1] }",
        "{ features = nan }",
        "3",
        "[]",
        "{}",
    ),
    *(
        '{ alphabet = "aa" }',
        "{ image = [4096, 4096, 64] }",
        '{ alphabet = "" }',
        "{ image = [28] }",
    ),
)
LINES = (
    *(
        "format = 1",
        "format = 2",
        "format = true",
        'name = "x"',
        'title = "\\u0000"',
        "classes = []",
    ),
    *(
        'classes = ["a", "b"]',
        'classes = ["a", "a"]',
        "classes = 2",
        'answer = "every"',
        "a.b.c = 1",
    ),
    *(
        'reference = "../../x.safetensors"',
        'prepare = "mnist"',
        "layers = 1979-05-27",
        "x = " + "[" * 900,
    ),
)


class OutcomeError(Exception):
    """Declaration that ended in another error than a sentence, or took too long."""


def declarations(random: Random) -> Iterator[bytes]:
    """Yield hostile declarations, without end."""
    while True:
        is_image = random.random() < 0.5
        lines = ["format = 1", 'classes = ["a", "b"]']
        lines += random.choices(LINES, k=random.choice((0, 0, 0, 1, 3)))
        known = (
            "{ image = [12, 9, 1] }" if is_image else '{ alphabet = "abc", encoding = "one-hot" }'
        )
        lines.append(f"input = {known if random.random() < 0.8 else random.choice(INPUTS)}")
        layers = random.choices(
            IMAGES if is_image else SEQUENCES, k=random.choice((0, 1, 2, 4, 70))
        )
        if random.random() < 0.5:
            layers.insert(random.randint(0, len(layers)), random.choice(HOSTILE))
        ends = ["flatten", "dense 2"] if is_image else ["lstm 3", "dense 2"]
        quoted = ", ".join(f'"{layer}"' for layer in [*layers, *ends])
        content = "\n".join([*lines, f"layers = [{quoted}]"]).encode()
        yield mutated(random, content) if random.random() < 0.4 else content


def check(seed: int, *, count: int, seconds: float = 1e9) -> Counter[str]:
    """Read hostile declarations; return how many were read and refused.

    Raises:
        OutcomeError: One ended in an error of Python, or took longer than `LONGEST_S`.
    """
    found: Counter[str] = Counter()
    until = time.monotonic() + seconds
    with TemporaryDirectory(prefix="lightwell-") as folder:
        for _, content in zip(range(count), declarations(seeded(seed)), strict=False):
            found[_read(Path(folder), content)] += 1
            if time.monotonic() > until:
                break
    return found


def _read(folder: Path, content: bytes) -> str:
    (folder / FILE).write_bytes(content)
    started = time.monotonic()
    try:
        read_architecture(folder)
        outcome = "read"
    except DeclarationError as error:
        outcome = "refused" if len(str(error)) < 2_000 else "long sentence"
    except Exception as error:
        raise OutcomeError(content) from error
    if time.monotonic() - started > LONGEST_S or outcome == "long sentence":
        raise OutcomeError(content)
    return outcome
