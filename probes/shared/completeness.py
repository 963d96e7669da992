"""Terms of the completeness check of attributions: the target's values and the error of the sum."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from probes.figures.figures import Measure

_WORDS = {
    "f_input": "for the input",
    "f_baseline": "for the baseline",
    "delta": "missing from the sum",
}
"""Words for the terms in captions."""


def completeness(outputs: Mapping[str, Float[np.ndarray, "..."]]) -> list[Measure]:
    """Measures of the completeness terms that an attribution has among its outputs."""
    return [
        Measure(name, float(outputs[name]), "logits", words)
        for name, words in _WORDS.items()
        if name in outputs
    ]
