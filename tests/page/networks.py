"""Networks of a user, which page tests show: of images and of sequences."""

import re

from models.declaration.declaration import FILE
from models.model_files import SHIPPED

PICTURES = """
title = "Three kinds of pictures"
task = "What does a small picture show?"
classes = ["boat", "cat", "house"]
input = { image = [12, 16, 3], mean = [0.5, 0.4, 0.4], std = [0.2, 0.3, 0.2], prepare = "none" }
layers = [
  "stem: conv 6 nobias", "norm", "act: relu", "conv 6", "add act", "relu", "pool",
  "one: conv 4 1x1", "wide: conv 4 5x5 from pool1", "concat one", "globalpool", "dense 3",
]
"""
DRAWINGS = """
title = "Two kinds of drawings"
task = "Is there a line?"
classes = ["none", "line"]
input = { image = [8, 16, 1] }
layers = ["conv 3 3x5", "tanh", "flatten", "dense 1"]
"""
LETTERS = """
title = "Families of letters"
task = "Which family does a sequence belong to?"
classes = ["alpha", "beta", "gamma"]
input = { alphabet = "acgtn", encoding = "one-hot" }
layers = ["gru 5", "gru 3", "dense 3"]
"""
SENSORS = """
title = "Three sensors"
task = "Does the machine rest?"
classes = ["no", "yes"]
input = { features = 3 }
layers = ["lstm 4", "dense 2"]
"""
SPARSE = """
title = "Windows of all kinds"
classes = ["a", "b"]
input = { image = [28, 28, 1], prepare = "mnist" }
layers = [
  "wide: conv 4 5x3 stride 2x1 pad 2 1 0 3", "leaky_relu 0.1", "mean: pool 3x2 stride 2 avg pad 1",
  "sparse: conv 6 dilation 2 groups 2 nobias", "over: pool avg ceil countpad",
  "top: pool 3x3 stride 2 same", "tanh", "flatten", "dense 1",
]
"""
SMALL = """
title = "A small network"
classes = ["7", "0", "other"]
input = { image = [28, 28, 1], prepare = "mnist" }
layers = ["conv 4", "relu", "flatten", "dense 3"]
"""
COLOURS = """
title = "A network of colours"
classes = ["red", "green"]
input = { image = [6, 8, 3], prepare = "fit" }
layers = ["conv 4", "relu", "flatten", "dense 2"]
"""
GATED = """
title = "A small GRU"
classes = ["no", "yes"]
input = { alphabet = "01", encoding = "number" }
layers = ["gru 3", "dense 2"]
"""
SIMPLE = """
title = "A small RNN"
classes = ["no", "yes"]
input = { alphabet = "01", encoding = "number" }
layers = ["rnn 4", "dense 2"]
"""


def twin(name: str, title: str) -> str:
    """Declaration of a shipped network with another title, without its format."""
    text = (SHIPPED / name / FILE).read_text(encoding="utf-8").replace("format = 1\n", "")
    return re.sub(r'title = ".*"', f'title = "{title}"', text)


NETWORKS = {
    "pictures": PICTURES,
    "drawings": DRAWINGS,
    "sparse": SPARSE,
    "small": SMALL,
    "colours": COLOURS,
    "twin": twin("cnn", "Twin"),
    "letters": LETTERS,
    "sensors": SENSORS,
    "gru": GATED,
    "rnn": SIMPLE,
    "twin-lstm": twin("lstm", "Twin LSTM"),
}
