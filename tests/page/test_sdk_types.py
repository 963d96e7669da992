"""Types of the SDK: every field of an answer is there, and described."""

import re

import pytest

from api.openapi import schemas
from api.routes.page import STATIC

SDK = STATIC / "sdk"
PAIRS = [
    ("answer-types.js", "Prediction", schemas.Prediction, set()),
    ("answer-types.js", "Reliability", schemas.Reliability, set()),
    ("answer-types.js", "Measure", schemas.MeasureEntry, set()),
    ("answer-types.js", "Warning", schemas.WarningEntry, set()),
    ("answer-types.js", "ImageInput", schemas.ImageEcho, set()),
    ("answer-types.js", "SequenceInput", schemas.SequenceEcho, set()),
    ("tensor.js", "Stats", schemas.Stats, set()),
    ("tensor.js", "Colour", schemas.ColourRange, set()),
    ("tensor.js", "Description", schemas.TensorEntry, {"data"}),
]
"""File and type of the SDK, schema of the server, and fields that the type has in another form."""


def fields(file: str, name: str) -> dict[str, str]:
    """Description of each field of a type of the SDK."""
    text = (SDK / file).read_text(encoding="utf-8")
    (block,) = (
        one
        for one in re.findall(r"/\*\*(.*?)\*/", text, re.DOTALL)
        if re.search(rf"@typedef {{object}} {name}\b", one)
    )
    found = re.findall(r"@property \{.*?\} \[?(\w+)\]?(?= |\n)(.*)", block)
    return {field: said.strip() for field, said in found}


@pytest.mark.parametrize(("file", "name", "schema", "left"), PAIRS, ids=str)
def test_every_field_of_an_answer_is_described(
    file: str, name: str, schema: type[schemas.Schema], left: set[str]
) -> None:
    """The type has the fields of the server's schema, each with a description."""
    found = fields(file, name)

    assert set(found) == set(schema.model_fields) - left
    assert all(found.values()), found
