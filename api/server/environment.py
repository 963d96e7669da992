"""Environment of NumPy and the memory allocator in a process that serves this application."""

import os

from api.inference.resident_memory import limit_arenas


def configure_environment() -> None:
    """Set the variable that NumPy reads at import, and the arenas, unless the user has set them."""
    # The matrices of NumPy are small here: OpenBLAS' threads would only take time from XLA's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    limit_arenas()
