"""Fuzzer of a network's files: weights, training checkpoints, records, report, reference."""

import json
import shutil
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import save as serialise

from api.responses.negotiation import AnswerOptions, Format
from api.responses.negotiation import encode as encode_as
from api.routes.models import describe
from models import registry
from models.model_files import SHIPPED
from models.reference import ReferenceFileError, read_reference
from models.registry import ResidentModel
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import CheckpointError, Tensors
from probes.cnn.embedded import EmbeddedParameters, check_embedded, embedded
from probes.cnn.embedding import EmbeddingParameters, embedding
from probes.cnn.embedding_map import check_axes, embedded_layer
from probes.cnn.interventions import means_of
from probes.cnn.layers import layers as compared
from probes.cnn.unit import UnitParameters, check_unit, unit
from probes.declaration import Coloured, ProbeCall, ProbeInput
from probes.figures.figures import Figure
from probes.model_context import model_context
from probes.output.results import ProbeResult
from tests.fuzz.mutation import mutated, seeded
from tests.networks import COLOURS_TOML, LETTERS_TOML, write_network

LONGEST_S = 10.0
"""Time in which any file must be read or refused; reading one takes some 10 ms."""

LONGEST_SENTENCE = 1000

DEEP = "[" * 5_000 + "]" * 5_000

VALUES: tuple[str, ...] = (
    *("null", "true", "0", "-1", "1e999", "NaN", "-Infinity", "9" * 400, "9" * 5_000, '"99 %"'),
    *('""', '"\\ud800"', '"\\u0000\\u001b[2J"', "[]", "{}", "[[1]]", '{"a": {"b": []}}', DEEP),
    *("[" * 900 + "]" * 900, "[" * 40 + "]" * 40, '{"\\udfff": 1}', '{"test_accuracy": "99 %"}'),
    *('{"test_accuracy": 1e300}', '{"test_accuracy": null}', '"' + "x" * 100_000 + '"'),
)
"""Values of metadata as JSON, of which some are none."""

KEYS = (
    *("metrics", "calibration", "tested_length", "seed", "data", "versions", "weights", "digest"),
    *("milestones", "majority", "learned_from", "compared", "checkpoints", "other", "\u001b[31m"),
)

SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (0,),
    (1,),
    (2, 2),
    (0, 3),
    (3, 1, 1),
    (1,) * 20,
    (65536,),
)

DTYPES = ("f4", "f2", "f8", "i1", "u1", "i8", "u2", "?", "c8")

Change = Callable[[Random, Tensors, dict[str, str]], None]


class OutcomeError(Exception):
    """File that ended in another error than a sentence, or took too long."""


def _reshape(random: Random, tensors: Tensors, _: dict[str, str]) -> None:
    tensors[random.choice([*tensors])] = np.zeros(random.choice(SHAPES), random.choice(DTYPES))


def _rename(random: Random, tensors: Tensors, _: dict[str, str]) -> None:
    name = random.choice([*tensors])
    tensors[random.choice((f"{name}\x1b[31m", "", "a" * 5_000, f"{name}/x", "/"))] = tensors.pop(
        name
    )


def _remove(random: Random, tensors: Tensors, _: dict[str, str]) -> None:
    del tensors[random.choice([*tensors])]


def _poison(random: Random, tensors: Tensors, _: dict[str, str]) -> None:
    name = random.choice([*tensors])
    value = np.array(tensors[name])
    if value.size and value.dtype.kind in "fiu":
        hostile = (np.nan, np.inf, -np.inf, 3e38, -1.0) if value.dtype.kind == "f" else (0, 1, 255)
        with np.errstate(all="ignore"):
            value.flat[random.randrange(value.size)] = random.choice(hostile)
    tensors[name] = value


def _cast(random: Random, tensors: Tensors, _: dict[str, str]) -> None:
    name = random.choice([*tensors])
    with np.errstate(all="ignore"):
        tensors[name] = tensors[name].astype(random.choice(DTYPES[:-1]))


def _state(random: Random, _: Tensors, metadata: dict[str, str]) -> None:
    metadata[random.choice(KEYS)] = random.choice(VALUES)


CHANGES: tuple[Change, ...] = (_reshape, _rename, _remove, _poison, _poison, _cast, _state, _state)


class Network:
    """Network in a folder, whose files are changed one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = {path: path.read_bytes() for path in sorted(folder.iterdir())}
        self.model = registry.load_folder(folder)

    @property
    def files(self) -> list[Path]:
        """Paths of the files that are changed."""
        return [path for path in self.whole if path.suffix != ".toml" and path.exists()]

    def read(self) -> ResidentModel:
        """Read all files of the network, and describe it as `/models` does."""
        model = registry.load_folder(self.folder)
        reference = self.folder / "reference.safetensors"
        if reference.exists():
            read_reference(reference, model.architecture)
        described = describe(model).model_dump_json()
        json.loads(described, parse_constant=_refuse)
        if "units" in model.artifacts:
            _draw(model)
        return model


def _draw(model: ResidentModel) -> None:
    """Draw the records of a network, as its probes do."""
    context, layers = model_context(model), model.architecture.layers
    given = ProbeInput({"image": np.zeros((28, 28), np.uint8)})
    for name, layer in layers.items():
        asked = UnitParameters(layer=name, channel=layer.shape[-1] - 1, steps=0)
        call = ProbeCall(context, given, asked)
        check_unit(call)
        encode(unit(call.with_outputs({})))
    encode(compared(ProbeCall(context, given, Coloured()).with_outputs({})))
    if len(model.artifacts["layers"].tensors["embedding.shares"]) > 1:
        near = ProbeCall(context, given, EmbeddingParameters())
        check_axes(near)
        values = np.ones(layers[embedded_layer(model.architecture)].shape, np.float32)
        encode(embedding(near.with_outputs({embedded_layer(model.architecture): values})))
        whole = ProbeCall(context, given, EmbeddedParameters())
        check_embedded(whole)
        encode(embedded(whole.with_outputs({})))
    means_of(context)


def encode(figure: Figure) -> None:
    """Encode a figure as JSON, and draw it."""
    result = ProbeResult({}, figure, ())
    forms: tuple[Format, ...] = ("json", "npz")
    for form in forms:
        encode_as(result, form, AnswerOptions())


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def networks(folder: Path) -> list[Network]:
    """Write networks with every kind of file."""
    shutil.copytree(SHIPPED / "cnn", folder / "digits")
    for text, name in ((COLOURS_TOML, "colours"), (LETTERS_TOML, "letters")):
        _complete(write_network(folder / name, text))
    return [Network(path) for path in sorted(folder.iterdir())]


def _complete(folder: Path) -> None:
    """Write training checkpoints and a report of a network."""
    weights = checkpoints.load(folder / "weights.safetensors")
    packed = artifacts.pack_training_checkpoints({"round-1": weights.tensors}, "float16")
    artifacts.save(folder / "milestones.safetensors", packed, weights.digest)
    (folder / "report.json").write_text(json.dumps({"weights": weights.digest, "epochs": [1, 2]}))


def changed(random: Random, path: Path, content: bytes) -> bytes:
    """Return the content of a file after bytes, values or metadata were changed."""
    if path.suffix == ".json" or random.random() < 0.3:
        return mutated(random, content)
    known = checkpoints.load(path)
    tensors = dict(known.tensors)
    metadata = {key: json.dumps(value) for key, value in known.metadata.items()}
    for _ in range(random.choice((1, 1, 2))):
        if tensors:
            random.choice(CHANGES)(random, tensors, metadata)
    if random.random() < 0.9:
        metadata["digest"] = json.dumps(checkpoints.digest(tensors))
    stated = ", ".join(f"{json.dumps(key)}: {value}" for key, value in metadata.items())
    content = serialise(tensors, {"lightwell": f"{{{stated}}}"})
    return mutated(random, content) if random.random() < 0.1 else content


def headers(random: Random) -> Iterator[bytes]:
    """Yield safetensors files with wrong shapes, types and sizes in their headers, without end."""
    while True:
        shape: Any = random.choice(
            ([2**62], [2**64 - 1, 0], [-1], [1] * 70, [2**32, 2**32], "x", [[1]], None, [1e9])
        )
        offsets: Any = random.choice(([0, 4], [4, 0], [0, 2**63], [-4, 0], [0], None, [0, 1e3]))
        kind = random.choice(("F32", "F8_E4M3", "BF16", "F4", "I64", "x", 7))
        entry = {"dtype": kind, "shape": shape, "data_offsets": offsets}
        text = json.dumps({"conv1.kernel": entry, "__metadata__": {"lightwell": DEEP}}).encode()
        size = random.choice((len(text), len(text), 2**63, 2**64 - 1, 100_000_001, 0, 7))
        yield struct.pack("<Q", size) + text + b"\0" * 4


def check(seed: int, *, count: int, seconds: float = 1e9) -> Counter[str]:
    """Read hostile files of networks; return how many were read and refused.

    Raises:
        OutcomeError: One ended in an error of Python, or took longer than `LONGEST_S`.
    """
    found: Counter[str] = Counter()
    random, until = seeded(seed), time.monotonic() + seconds
    claiming = headers(random)
    with TemporaryDirectory(prefix="lightwell-") as folder:
        known = networks(Path(folder))
        for _ in range(count):
            network = random.choice(known)
            path = random.choice(network.files)
            is_claim = path.suffix != ".json" and random.random() < 0.1
            whole = network.whole[path]
            path.write_bytes(next(claiming) if is_claim else changed(random, path, whole))
            found[_read(network, path)] += 1
            path.write_bytes(whole)
            if time.monotonic() > until:
                break
    return found


def _read(network: Network, path: Path) -> str:
    started = time.monotonic()
    try:
        network.read()
        outcome = "read"
    except (CheckpointError, ReferenceFileError) as error:
        said = str(error)
        outcome = "refused" if said.isprintable() and len(said) < LONGEST_SENTENCE else "sentence"
    except Exception as error:
        raise OutcomeError(path.name, path.read_bytes()[:2_000]) from error
    if time.monotonic() - started > LONGEST_S or outcome == "sentence":
        raise OutcomeError(path.name, path.read_bytes()[:2_000])
    return outcome
