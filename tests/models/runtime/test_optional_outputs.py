"""Optional outputs: the second network runs only for batches with a call that needs its score."""

from functools import partial

import jax
import numpy as np
import pytest

from models.cnn import ood_detector
from models.cnn.programs import SCORE, network_definition
from models.families import core_programs
from models.registry import ResidentModel
from models.runtime.compilation import ExecutableKey, compile_programs, versions
from models.runtime.programs import Call, Program
from tests.networks import SIMPLE_CNN
from tests.oracles.parameters import CNN_SHAPES, draw, draw_images

CORE = {one.name: one for one in core_programs(SIMPLE_CNN)}


@pytest.mark.parametrize("name", CORE)
def test_without_its_score_the_second_network_is_not_in_the_program(name: str) -> None:
    """Neither its convolutions nor its weights: the program is that of the network alone."""
    held = jax.device_put(draw(CNN_SHAPES, 1) | ood_detector.load().program_parameters)
    program = CORE[name]
    function = program.function
    assert isinstance(function, partial)
    alone = Program(name, partial(function.func, network_definition(SIMPLE_CNN), None), program.row)

    made = compile_programs([program], held, (2,))

    assert list(made) == list(versions(program, 2))
    assert len(made) == 2
    lean, whole = (made[ExecutableKey(name, 2, is_lean)] for is_lean in (True, False))
    assert lean.cost_analysis()["flops"] < whole.cost_analysis()["flops"]
    expected = jax.jit(alone).lower(held, alone.rows(2)).compile()
    assert lean.cost_analysis()["flops"] == expected.cost_analysis()["flops"]


@pytest.mark.parametrize("name", CORE)
def test_values_are_equal_to_the_bit_with_and_without_the_score(
    name: str, cnn: ResidentModel
) -> None:
    """In every batch size, of drawn and of empty images."""
    program = cnn.programs[name]
    outputs = frozenset(cnn.architecture.layers) if name == "trace" else frozenset({"logits"})
    for bucket in program.buckets:
        images = [*draw_images(bucket, bucket), *np.zeros((bucket, 28, 28), np.uint8)]
        for rows in (images[:bucket], images[bucket:]):
            calls = [Call(name, {"image": image}, outputs) for image in rows]
            scored = [call._replace(outputs=outputs | {SCORE}) for call in calls]
            for lean, whole in zip(program(calls), program(scored), strict=True):
                assert set(whole) == outputs | {SCORE}
                for output in outputs:
                    np.testing.assert_array_equal(lean[output], whole[output], err_msg=output)


def test_one_call_with_the_score_is_enough_for_its_batch(cnn: ResidentModel) -> None:
    """Beside it, calls without the score have their own outputs alone."""
    image = {"image": draw_images(1, 3)[0]}
    calls = [Call("predict", image, frozenset(one)) for one in ({"logits"}, {"logits", SCORE})]

    lean, scored = cnn.programs["predict"](calls)

    assert set(lean) == {"logits"}
    assert set(scored) == {"logits", SCORE}
