"""Runs that an intervention compares, and measures of their answers."""

from probes.figures.figures import Measure

RUNS = ("baseline", "edited")
"""Runs that every intervention has; one that patches has a run on the `source` too."""

ANSWERS = {
    "baseline": "answer without the edits",
    "edited": "answer with them",
    "source": "answer to the source",
}
"""Words for the answer of each run, in captions."""


def logit_difference(run: str, value: float) -> Measure:
    """Measure of the difference of two logits in a run that an intervention compares."""
    return Measure(f"logit_difference_{run}", value, "logits", f"logit difference, {run}")
