"""Name of a network: that of its folder, and the first part of its paths."""

import re

MODEL_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""Form of the name of a network."""

RESERVED_NAMES = frozenset(
    {
        "colormaps",
        "docs",
        "embed",
        "explorer",
        "findings",
        "health",
        "livez",
        "metrics",
        "models",
        "page",
        "readyz",
        "redoc",
        "samples",
        "sdk",
        "signed",
        "static",
        "v2",
    }
)
"""Names that no network may have, because paths of the server begin with them."""

NAME_RULE = (
    "a lowercase letter and up to 31 lowercase letters, digits and hyphens, and none of "
    f"{', '.join(sorted(RESERVED_NAMES))}"
)
"""Rule for the name of a network, for errors."""


def is_network_name(name: str) -> bool:
    """Return whether a network may have this name."""
    return MODEL_NAME.fullmatch(name) is not None and name not in RESERVED_NAMES
