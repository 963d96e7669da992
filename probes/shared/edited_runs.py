"""Runs that an intervention compares, and words for their answers in captions."""

RUNS = ("baseline", "edited")
"""Runs that every intervention has; one that patches has a run on the `source` too."""

ANSWERS = {
    "baseline": "answer without the edits",
    "edited": "answer with them",
    "source": "answer to the source",
}
"""Words for the answer of each run."""
