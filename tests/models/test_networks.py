"""Networks of random declarations against the interpreter in NumPy and float64.

`python -m tests.oracles.random_declarations` compares 300 of them, of which these are a part.
"""

import re

import pytest

from models.cnn.network import ImageNetwork
from models.declaration.layer_line import LAYERS, NAME
from models.declaration.operations import ACTIVATIONS
from models.derivation import RESERVED
from models.rnn.network import SequenceNetwork
from tests.oracles.declarations import draw
from tests.oracles.random_declarations import SEEDS, compare

COMPARED = [seed for seed in range(SEEDS) if seed % 4][::6]
SERVED = (2, 225)
"""Seeds of networks whose values a server's programs compute."""


@pytest.mark.parametrize("part", range(4))
def test_values_of_random_networks_equal_the_interpreter(part: int) -> None:
    """Every value of every layer agrees to 1e-5 of the largest, or of one."""
    compared = 0
    for seed in COMPARED[part::4]:
        if found := compare(seed):
            compared += 1
            assert max(found[1].values()) <= 1, (seed, found[1])
    assert compared > 5


@pytest.mark.parametrize("seed", SERVED)
def test_values_of_served_networks_equal_the_interpreter(seed: int) -> None:
    """So do those of a server's programs, from initial states and over several chunks of steps."""
    found = compare(seed, by_server=True, length=530)

    assert found
    assert max(found[1].values()) <= 1, found[1]


def test_random_networks_have_every_layer() -> None:
    """Each layer, activation and option is among the drawn lines."""
    drawn = "\n".join(draw(seed).text for seed in range(SEEDS))
    words = {*re.findall(r"[a-z_0-9]+", drawn)}
    options = {"stride", "same", "valid", "pad", "dilation", "groups", "nobias", "ceil", "countpad"}

    assert {*LAYERS, *ACTIVATIONS, *options, "from", "avg", "max", "eps", "layer"} <= words
    assert {"number", "one-hot", "embed", "every", "last"} <= {*re.findall(r'"([\w-]+)"', drawn)}


@pytest.mark.parametrize("network", [ImageNetwork, SequenceNetwork])
def test_no_layer_has_the_name_of_a_method(network: type) -> None:
    """Layers are attributes of their network, whose methods have reserved names."""
    assert {name for name in dir(network) if NAME.fullmatch(name)} <= RESERVED
