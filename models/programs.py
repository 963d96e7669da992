"""Programs: pure functions of (parameters, rows), and the runs that call them.

A program is compiled once for every bucket of rows. A run is one input's way through them: a
generator that yields calls, one or several at a time, and is sent what each of them gave, so that
whoever drives it decides where and with whose rows a call is executed.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from models import familiarity
from models.anatomy import HEIGHT, WIDTH, LSTMState
from models.parameters import Parameters, Skeleton

if TYPE_CHECKING:  # importing them imports Flax, which only compiling needs
    from models.cnn import SimpleCNN
    from models.lstm import CountingLSTM
else:
    SimpleCNN = CountingLSTM = Any

MATMUL_PRECISION = "highest"
"""Of every product in every program: full float32, on GPU (not TF32) and TPU (not bfloat16) too."""

ROW_BUCKETS: Mapping[str, tuple[int, ...]] = {"cnn": (1, 2, 4, 8), "lstm": (1, 4, 16)}
"""By model, on a CPU: a call with n rows runs in the smallest bucket that holds n; the rest of it
is padding. A call with more rows than the last does not make a row much cheaper, and whoever comes
next would wait longer; where the next bucket costs hardly more, as 4 steps of an LSTM do beside 2,
the smaller one is left out.
"""

ACCELERATOR_BUCKETS = (1, 8, 32)
"""The same on a GPU or TPU, for every model: there padding is cheap and a call is not."""

CHUNKS = (128, 512)
"""How many steps one call of an LSTM program takes.

A call costs as much as more than 100 steps before it takes the first, so padding is cheaper than
more calls. The longest chunk takes no longer than a full batch of images: whoever comes next waits
for one or the other.
"""

Row = Mapping[str, np.ndarray]
"""One row of a program's input by name, without the batch axis."""

Outputs = dict[str, np.ndarray]
"""What a program or a run gave for one row, by name, without the batch axis."""


class Call(NamedTuple):
    """One row for one program, and the outputs that shall leave the device.

    Attributes:
        checkpoint: With which parameters; "" is those that are served.
    """

    program: str
    row: Row
    outputs: frozenset[str]
    checkpoint: str = ""


Run = Generator[Sequence[Call], list[Outputs], Outputs]
"""Yields calls of one program, is sent their outputs in the same order, returns what came of it."""

ANALYSIS_BUCKETS = (1, 4, 16)
"""Of programs that answer one question with many rows. The largest is one that others can wait for:
16 gradients take some 5 ms on two processors."""

SLICE = 2 * ANALYSIS_BUCKETS[-1]
"""How many rows a run of many asks for at a time: two calls, so that the device need not wait for
the next rows, and others need not wait for long."""

RowsFunction = Callable[[Parameters, Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Program:
    """A pure function that is compiled ahead of time.

    Attributes:
        name: Unique in the server, such as `cnn.trace`.
        function: From parameters and rows, all with a leading batch axis, to named outputs.
        row: Shape and type of each input of one row, without the batch axis.
        buckets: For how many rows it is compiled, ascending; None for those of its model.
    """

    name: str
    function: RowsFunction
    row: Mapping[str, jax.ShapeDtypeStruct]
    buckets: tuple[int, ...] | None = None

    def rows(self, bucket: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Describe the input of a whole bucket."""
        return {
            name: jax.ShapeDtypeStruct((bucket, *one.shape), one.dtype)
            for name, one in self.row.items()
        }

    def __call__(self, parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs at the declared precision."""
        with jax.default_matmul_precision(MATMUL_PRECISION):
            return self.function(parameters, rows)


def row_buckets(model: str) -> tuple[int, ...]:
    """Return for how many rows the programs of a model are compiled on this machine, ascending."""
    return ROW_BUCKETS[model] if jax.default_backend() == "cpu" else ACCELERATOR_BUCKETS


def in_slices(
    calls: Iterable[Call], size: int = SLICE
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Run many calls of one program, a slice at a time: others get their turn in between.

    Args:
        calls: Made as they are needed, so that never more than a slice of rows is held.
        size: How many rows a slice has.
    """
    coming, results = iter(calls), []
    while taken := tuple(islice(coming, size)):
        results += yield taken
    return results


def intensities(
    image: UInt8[Array, "batch 28 28"],
) -> Float[Array, "batch 28 28 1"]:
    """Scale integers 0 to 255 to the network's input in [0, 1]."""
    return image[..., None].astype(jnp.float32) / 255.0


def cnn_programs(skeleton: Skeleton[SimpleCNN]) -> list[Program]:
    """Declare predict and trace of the CNN: images in as integers 0 to 255.

    Both also say how unfamiliar an image is, which every answer to one depends on. Maps leave the
    trace channel first, as people look at them: XLA turns them in next to no time.
    """

    def trace(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        image = intensities(rows["image"])
        values = skeleton.fill(parameters).trace(image)._asdict()
        shown = {name: jnp.moveaxis(value, -1, 1) for name, value in values.items()}
        return shown | {"unfamiliarity": familiarity.unfamiliarity(parameters, image)}

    def predict(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        image = intensities(rows["image"])
        logits = skeleton.fill(parameters)(image)
        return {"logits": logits, "unfamiliarity": familiarity.unfamiliarity(parameters, image)}

    row = {"image": jax.ShapeDtypeStruct((HEIGHT, WIDTH), jnp.uint8)}
    return [Program("cnn.predict", predict, row), Program("cnn.trace", trace, row)]


def run_cnn(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Send one image through one program."""
    (got,) = yield (Call(f"cnn.{program}", row, outputs),)
    return got


STATE = frozenset({"final_cell", "final_hidden"})
"""The outputs of an LSTM program that the next chunk starts from."""


def lstm_programs(skeleton: Skeleton[CountingLSTM], hidden: int) -> list[Program]:
    """Declare predict and trace of the LSTM, each for every length of chunk."""

    def inputs(rows: Mapping[str, Array]) -> tuple[Array, Array, LSTMState]:
        sequence = rows["sequence"][..., None].astype(jnp.float32)
        return sequence, rows["length"], LSTMState(rows["cell"], rows["hidden"])

    def trace(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        values, final = skeleton.fill(parameters).trace(*inputs(rows))
        return values._asdict() | {"final_cell": final.cell, "final_hidden": final.hidden}

    def predict(parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        logits, final = skeleton.fill(parameters)(*inputs(rows))
        return {"logits": logits, "final_cell": final.cell, "final_hidden": final.hidden}

    def row(chunk: int) -> dict[str, jax.ShapeDtypeStruct]:
        state = jax.ShapeDtypeStruct((hidden,), jnp.float32)
        return {
            "sequence": jax.ShapeDtypeStruct((chunk,), jnp.uint8),
            "length": jax.ShapeDtypeStruct((), jnp.int32),
            "cell": state,
            "hidden": state,
        }

    return [
        Program(f"lstm.{name}.{chunk}", function, row(chunk))
        for name, function in (("predict", predict), ("trace", trace))
        for chunk in CHUNKS
    ]


def chunks(length: int) -> Iterator[tuple[int, int, int]]:
    """Cut a length into (start, stop, chunk): longest chunks, then the one that holds the rest."""
    for start in range(0, length, CHUNKS[-1]):
        stop = min(start + CHUNKS[-1], length)
        yield start, stop, next(chunk for chunk in CHUNKS if chunk >= stop - start)


def run_lstm(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Send one sequence through one program, chunk by chunk with the state carried.

    Args:
        program: `predict` or `trace`.
        row: `sequence`, the bits, oldest first; `cell` and `hidden`, the state before the first.
        outputs: What shall be returned beside the final state.

    Returns:
        Of a trace, gates and logits of steps 1 to T and states of steps 0 to T, step 0 being the
        state before the first; of predict, the logits after step T.
    """
    sequence, state = row["sequence"], {"cell": row["cell"], "hidden": row["hidden"]}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in outputs - STATE}
    for name in parts.keys() & state.keys():
        parts[name].append(state[name][None])
    for start, stop, chunk in chunks(len(sequence)):
        padded = np.zeros(chunk, np.uint8)
        padded[: stop - start] = sequence[start:stop]
        sent: Row = {"sequence": padded, "length": np.array(stop - start, np.int32), **state}
        (got,) = yield (Call(f"lstm.{program}.{chunk}", sent, outputs | STATE),)
        state = {"cell": got["final_cell"], "hidden": got["final_hidden"]}
        for name, part in parts.items():
            part.append(got[name][: stop - start] if program == "trace" else got[name])
    final = {"final_cell": state["cell"], "final_hidden": state["hidden"]}
    if program == "trace":
        return {name: _joined(part) for name, part in parts.items()} | final
    return {name: part[-1] for name, part in parts.items()} | final


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Put what the chunks gave one after the other; a single one is taken as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
