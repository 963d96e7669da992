"""Loading: weights from disk to resident models, with the cache of their executables."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import jax

from models.registry import MODELS, ResidentModel, load
from models.runtime.executable_cache import CacheError, ExecutableCache

logger = logging.getLogger("lightwell")


def load_models(weights: Path | None, cache: Path | None) -> Mapping[str, ResidentModel]:
    """Loading of all models for the engine, by name, from weights on disk; none is compiled yet.

    Args:
        weights: Folder with the user's weights; None serves the shipped ones.
        cache: Folder that keeps executables from one start to the next; None compiles each time.

    Raises:
        CheckpointError: The weights cannot be served.
    """
    # Each call waits for its result: another thread to dispatch it would only add its latency. JAX
    # reads this when it is first used.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    models = {name: load(name, weights) for name in MODELS}
    use_cache(models.values(), cache)
    return models


def use_cache(models: Iterable[ResidentModel], folder: Path | None) -> None:
    """Let loaded models keep their executables in a folder; log why where it cannot be used."""
    if folder is None:
        return
    try:
        cache = ExecutableCache(folder)
    except CacheError as error:
        logger.warning("the cache %s is not used: %s", folder, error)
        return
    for model in models:
        model.cache = cache
