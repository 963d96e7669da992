"""Names of an imported network's layers."""

import pytest

from models.declaration.operations import Activation
from models.derivation import RESERVED
from models.importers.assembly import _names
from models.importers.graph import GraphLayer, Origin
from models.importers.values import INPUT


@pytest.mark.parametrize("name", [*sorted(RESERVED), "Metadata", "final-hidden"])
def test_a_reserved_name_is_replaced(name: str) -> None:
    """A layer whose name in the file is reserved has the name that its line derives."""
    layer = GraphLayer(Activation("relu"), [INPUT], (4,), Origin(name))

    assert _names({"one": layer}) == {"one": "relu1"}
