"""Python client of a Lightwell server: images and sequences in, named NumPy arrays out.

    from lightwell_client import Lightwell

    lightwell = Lightwell("http://127.0.0.1:8000")  # or Lightwell.local(), without a server
    answer = lightwell.activations("digit.png", layers=["relu1", "conv2"])
    print(answer.prediction.name, answer["relu1"].take(channel=7).values)

It needs httpx2 and NumPy. In a notebook, an answer shows its picture.
"""

# ruff: noqa: E402 - the imports need what is checked before them

from importlib.util import find_spec

for _name in ("httpx2", "numpy"):
    if find_spec(_name) is None:
        raise ModuleNotFoundError(
            f"lightwell_client needs the package {_name}, which is not installed: "
            "pip install httpx2 numpy",
            name=_name,
        )

from lightwell_client.answer_list import AnswerList
from lightwell_client.answers import (
    Answer,
    Measure,
    Notice,
    Prediction,
    Sample,
    Step,
    Tensor,
)
from lightwell_client.client import Lightwell
from lightwell_client.errors import LightwellError

__all__ = [
    "Answer",
    "AnswerList",
    "Lightwell",
    "LightwellError",
    "Measure",
    "Notice",
    "Prediction",
    "Sample",
    "Step",
    "Tensor",
]
