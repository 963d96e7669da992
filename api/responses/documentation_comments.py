"""Documentation comments of modules, which a browser need not load: a quarter of their bytes."""

import re

DOCUMENTATION = re.compile(rb"^[ \t]*/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.MULTILINE)
"""Documentation comment that has its lines for itself."""


def without_documentation(module: bytes) -> bytes:
    """Return the source code of a module without its documentation comments."""
    return DOCUMENTATION.sub(b"", module)
