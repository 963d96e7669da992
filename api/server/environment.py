"""Environment of NumPy and the memory allocator in a process that serves this application."""

import os
import sys

from api.inference.resident_memory import limit_arenas


def configure_environment() -> None:
    """Set the variable that NumPy reads at import, and the arenas, unless the user has set them."""
    limit_blas_threads()
    limit_arenas()


def limit_blas_threads() -> None:
    """Set the variable of OpenBLAS' threads, unless the user has, or NumPy was imported before."""
    # The matrices of NumPy are small here: OpenBLAS' threads would only take time from XLA's.
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
