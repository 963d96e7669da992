"""Compiled programs: platforms, precision, batches, chunks and runs."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping

import jax
import jax.export
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cnn import ood_detector
from models.cnn.programs import run_image
from models.families import core_programs
from models.registry import ResidentModel
from models.rnn.layout import CHUNKS
from models.rnn.programs import chunks, run_sequence
from models.runtime.compilation import ExecutableKey, compile_programs, versions
from models.runtime.parameters import Parameters
from models.runtime.programs import Call, Family, Program, row_buckets
from models.runtime.resident import ResidentProgram, drive
from tests.networks import COUNTING_LSTM, SIMPLE_CNN, counting_lstm
from tests.oracles.numpy64 import lstm_trace
from tests.oracles.parameters import CNN_SHAPES, draw, draw_bits, draw_images, lstm_shapes

HIDDEN = 8
TOLERANCE = 2e-5
"""Between buckets, chunks and other ways of cutting the same work, for values near one."""

DECLARED = [
    *core_programs(SIMPLE_CNN),
    *core_programs(counting_lstm(HIDDEN)),
]
PARAMETERS = {
    "cnn": draw(CNN_SHAPES, 1) | ood_detector.load().program_parameters,
    "lstm": draw(lstm_shapes(HIDDEN), 1),
}

FAMILIES: dict[str, Family] = {"cnn": "image", "lstm": "sequence"}


def model_of(program: str) -> str:
    """Return the model of a program: those of sequences have the length of a chunk."""
    return "lstm" if "." in program else "cnn"


@pytest.fixture(scope="module")
def programs() -> dict[str, ResidentProgram]:
    """Small programs with drawn parameters: two buckets are enough to see them differ."""
    held = {name: jax.device_put(tensors) for name, tensors in PARAMETERS.items()}
    return {one.name: ResidentProgram(one, held[model_of(one.name)], (1, 4)) for one in DECLARED}


def row(bits: np.ndarray, cell: float = 0.0, hidden: float = 0.0) -> dict[str, np.ndarray]:
    """Put a sequence and an initial state into a row."""
    return {
        "sequence": bits,
        "cell": np.full(HIDDEN, cell, np.float32),
        "hidden": np.full(HIDDEN, hidden, np.float32),
    }


def test_there_are_at_most_28_executables() -> None:
    """Compilation of predictions and traces stays within its budget."""
    held = [
        versions(program, bucket)
        for program in DECLARED
        for bucket in row_buckets(FAMILIES[model_of(program.name)])
    ]
    assert sum(map(len, held)) <= 28


@pytest.mark.parametrize("program", DECLARED, ids=lambda program: program.name)
def test_every_program_lowers_for_cpu_gpu_and_tpu(program: Program) -> None:
    """One source serves every platform: lowering it for each needs none of them."""
    held = PARAMETERS[model_of(program.name)]

    exported = jax.export.export(jax.jit(program), platforms=("cpu", "cuda", "tpu"))(
        held, program.rows(4)
    )

    assert set(exported.platforms) == {"cpu", "cuda", "tpu"}


@pytest.mark.parametrize("program", DECLARED, ids=lambda program: program.name)
def test_every_product_states_the_highest_precision(program: Program) -> None:
    """No product or convolution is left to a platform's own default."""
    held = PARAMETERS[model_of(program.name)]

    text = jax.jit(program).lower(held, program.rows(1)).as_text()

    products = [line for line in text.splitlines() if re.search("dot_general|convolution", line)]
    assert products
    assert all("HIGHEST" in line for line in products)


def hlo(executable: jax.stages.Compiled) -> list[str]:
    """List the instructions of an executable, without names and places in the source."""
    body = executable.as_text().partition("\n%")[2]
    return [
        re.sub(r"%[\w.\-]+", "%", re.sub(r", metadata={[^}]*}", "", line))
        for line in body.splitlines()
    ]


@pytest.mark.parametrize("name", ["predict", f"predict.{CHUNKS[0]}"])
def test_predict_is_compiled_to_the_same_whether_or_not_there_are_probes(name: str) -> None:
    """Predict compiled with the trace has the HLO of predict alone."""
    predict, trace = (
        next(one for one in DECLARED if one.name == wanted)
        for wanted in (name, name.replace("predict", "trace"))
    )
    parameters = jax.device_put(PARAMETERS[model_of(name)])

    beside = compile_programs([trace, predict], parameters, (2,))[ExecutableKey(name, 2)]
    alone = compile_programs([predict], parameters, (2,))[ExecutableKey(name, 2)]

    assert hlo(beside) == hlo(alone)


@pytest.mark.parametrize("model", ["cnn", "lstm"])
def test_what_a_program_does_not_return_is_not_computed(model: str) -> None:
    """A trace of which only the answer is kept is compiled to no more than predict is."""
    predict, trace = (
        next(one for one in DECLARED if one.name.startswith(kind) and model_of(one.name) == model)
        for kind in ("predict", "trace")
    )
    answer = {"logits", "unfamiliarity"} if model == "cnn" else {"final_cell", "final_hidden"}

    def kept(program: Program) -> Program:
        def function(parameters: Parameters, rows: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
            return {name: program.function(parameters, rows)[name] for name in sorted(answer)}

        return Program("kept", function, program.row)

    parameters = jax.device_put(PARAMETERS[model])
    made = [
        compile_programs([kept(one)], parameters, (2,))[ExecutableKey("kept", 2)]
        for one in (predict, trace)
    ]

    assert hlo(made[0]) == hlo(made[1])


@pytest.mark.parametrize("program", DECLARED, ids=lambda program: program.name)
def test_parameters_are_arguments_and_not_constants(program: Program) -> None:
    """No executable carries weights of its own: the text of a program is small."""
    held = PARAMETERS[model_of(program.name)]

    text = jax.jit(program).lower(held, program.rows(1)).as_text()

    assert len(text) < 100_000


def test_a_forward_pass_sharded_over_eight_devices_is_the_same() -> None:
    """Replicated parameters and a batch sharded over a mesh give the results of one device."""
    script = """
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tests.models.runtime.test_programs import DECLARED, PARAMETERS
from tests.oracles.parameters import draw_images
mesh = jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,))
rows = {"image": draw_images(32, 1)}
program = jax.jit(DECLARED[1])
plain = program(PARAMETERS["cnn"], rows)
held = jax.device_put(PARAMETERS["cnn"], NamedSharding(mesh, PartitionSpec()))
split = jax.device_put(rows, NamedSharding(mesh, PartitionSpec("batch")))
sharded = program(held, split)
assert len(sharded["logits"].sharding.device_set) == 8
for name, value in plain.items():
    np.testing.assert_allclose(sharded[name], value, atol=2e-5, err_msg=name)
"""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        env={**os.environ, **flags},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@given(st.integers(1, 5000))
def test_chunks_cover_a_length_without_gap_or_overlap(length: int) -> None:
    """Every step is in exactly one chunk, and only the last chunk is padded."""
    cut = list(chunks(COUNTING_LSTM, length))

    assert [0, *(stop for _, stop, _ in cut)] == [*(start for start, _, _ in cut), length]
    assert all(stop - start == chunk for start, stop, chunk in cut[:-1])
    assert all(chunk in CHUNKS for _, _, chunk in cut)


@pytest.mark.parametrize("length", [1, 127, 128, 129, 511, 512, 513, 700])
def test_a_run_in_chunks_equals_a_run_in_one(
    length: int, programs: dict[str, ResidentProgram]
) -> None:
    """Wherever a sequence is cut, every value is that of the uncut run, step 0 included."""
    bits = draw_bits(1, length, length)[0]
    names = frozenset({"input_gate", "candidate", "cell", "hidden", "logits"})
    given_row = row(bits, cell=0.7, hidden=-0.3)

    (made,) = drive([run_sequence(COUNTING_LSTM, "trace", given_row, names)], programs)
    answered = run_sequence(COUNTING_LSTM, "predict", given_row, frozenset({"logits"}))
    (answer,) = drive([answered], programs)

    expected = lstm_trace(bits, PARAMETERS["lstm"], given_row["cell"], given_row["hidden"])
    for name in names:
        np.testing.assert_allclose(made[name], expected[name], atol=TOLERANCE, err_msg=name)
    np.testing.assert_allclose(answer["logits"], expected["logits"][-1], atol=TOLERANCE)
    np.testing.assert_array_equal(made["final_cell"], made["cell"][-1])
    np.testing.assert_allclose(answer["final_hidden"], made["hidden"][-1], atol=TOLERANCE)


@settings(max_examples=10)
@given(st.integers(1, 199))
def test_going_on_from_a_final_state_is_going_on(cut: int) -> None:
    """A sequence in two posts, the state handed over, ends where it ends in one."""
    bits = draw_bits(1, 200, 5)[0]
    parameters = PARAMETERS["lstm"]

    whole = lstm_trace(bits, parameters)
    first = lstm_trace(bits[:cut], parameters)
    rest = lstm_trace(bits[cut:], parameters, first["cell"][-1], first["hidden"][-1])

    np.testing.assert_allclose(rest["cell"], whole["cell"][cut:], atol=1e-9)


def test_rows_do_not_depend_on_their_bucket_or_neighbours(
    programs: dict[str, ResidentProgram],
) -> None:
    """A row alone, in a larger bucket and beside others gives the same, to the tolerance.

    Within a bucket it is equal to the bit at any position and beside any other rows.
    """
    program = programs["trace"]
    images = draw_images(4, 9)
    calls = [Call("trace", {"image": image}, frozenset({"conv3", "logits"})) for image in images]

    alone = program(calls[:1])[0]
    beside = program(calls)
    reversed_ = program(calls[::-1])
    padded = program(calls[:2])[0]

    for name in ("conv3", "logits"):
        np.testing.assert_allclose(alone[name], beside[0][name], atol=TOLERANCE)
        np.testing.assert_array_equal(padded[name], beside[0][name])
        np.testing.assert_array_equal(reversed_[3][name], beside[0][name])


def test_a_widened_program_takes_more_rows_at_once() -> None:
    """Before, a few rows are as many calls; afterwards one, which gives the same."""
    [program] = [one for one in DECLARED if one.name == "predict"]
    held = jax.device_put(PARAMETERS["cnn"])
    resident = ResidentProgram(program, held, (1,))
    runs = [("predict", {"image": image}, frozenset({"logits"})) for image in draw_images(3, 9)]

    narrow = drive([run_image(*run) for run in runs], {program.name: resident})
    calls = resident.totals.calls
    resident.add_buckets((2, 4), compile_programs([program], held, (2, 4)))
    wide = drive([run_image(*run) for run in runs], {program.name: resident})

    assert (calls, resident.totals.calls) == (3, 4)
    assert resident.buckets == (1, 2, 4)
    for one, other in zip(narrow, wide, strict=True):
        np.testing.assert_allclose(one["logits"], other["logits"], atol=TOLERANCE)


def test_only_what_was_asked_for_comes_back(programs: dict[str, ResidentProgram]) -> None:
    """Calls of one batch each get their own outputs, and no other."""
    image = {"image": draw_images(1, 2)[0]}
    calls = [
        Call("trace", image, frozenset({"relu1", "logits"})),
        Call("trace", image, frozenset({"pool2"})),
    ]

    first, second = programs["trace"](calls)

    assert set(first) == {"relu1", "logits"}
    assert set(second) == {"pool2"}


def test_a_row_of_another_shape_never_compiles(programs: dict[str, ResidentProgram]) -> None:
    """A shape without a bucket is an error at once."""
    wrong = Call("trace", {"image": np.zeros((29, 29), np.uint8)}, frozenset())

    for calls in ([wrong], [wrong, wrong]):
        with pytest.raises((TypeError, ValueError), match=r"29,\s?29"):
            programs["trace"](calls)


def test_an_input_may_change_after_its_call(programs: dict[str, ResidentProgram]) -> None:
    """Results do not share memory with inputs."""
    image = draw_images(1, 2)[0]
    call = Call("predict", {"image": image}, frozenset({"logits"}))
    first = programs["predict"]([call])[0]["logits"].copy()
    kept = image.copy()
    result = programs["predict"]([call])[0]["logits"]
    image[:] = 0

    np.testing.assert_array_equal(first, result)
    assert kept.any()


def test_a_cnn_run_is_one_call() -> None:
    """An image goes through its program once."""
    run = run_image("trace", {"image": draw_images(1, 2)[0]}, frozenset({"relu1"}))

    (call,) = next(run)

    assert call.program == "trace"
    with pytest.raises(StopIteration) as end:
        run.send([{"relu1": np.ones(1)}])
    assert end.value.value["relu1"].item() == 1


def test_resident_programs_are_those_declared(cnn: ResidentModel, lstm: ResidentModel) -> None:
    """The server holds all declared programs, each for every bucket."""
    for model in (cnn, lstm):
        declared = {
            program.name: program for program in (*model.declared, *model.analyses.values())
        }
        assert set(model.programs) == set(declared)
        for name, one in model.programs.items():
            assert one.buckets == (declared[name].buckets or row_buckets(model.architecture.family))
