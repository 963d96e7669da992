"""Networks of a user, which page tests show: two of images and two of sequences."""

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
NETWORKS = {"pictures": PICTURES, "drawings": DRAWINGS, "letters": LETTERS, "sensors": SENSORS}
