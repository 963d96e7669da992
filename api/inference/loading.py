"""Loading: networks from disk to resident models, with the cache of their executables."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax

from models.declaration.declaration import FILE
from models.model_files import shipped_names
from models.printable import printable
from models.registry import ResidentModel, load, load_folder
from models.runtime.checkpoints import CheckpointError
from models.runtime.executable_cache import CacheError, ExecutableCache

MAX_MODELS = 64
"""Networks that one server loads."""

Source = Callable[[], ResidentModel]
"""Function that loads a model from its files, each time that it is called."""

logger = logging.getLogger("lightwell")


@dataclass(frozen=True)
class LoadedModels:
    """Loaded models of a server, and the networks that could not be loaded.

    Attributes:
        models: Models by name, the user's own first.
        failed: Why each other network could not be loaded, by the name of its folder.
        sources: Sources of the models that have files of the user, by name.
        optional: Names of models without which the server can do.
    """

    models: Mapping[str, ResidentModel]
    failed: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


def load_models(
    weights: Path | None,
    cache: Path | None,
    folders: Iterable[Path] = (),
    named: Path | None = None,
    *,
    strict: bool = False,
) -> LoadedModels:
    """Load the models of a server from disk; none is compiled yet.

    Args:
        weights: Folder with the user's weights of shipped networks; None serves the shipped ones.
        cache: Folder that keeps executables from one start to the next; None compiles each time.
        folders: Folders of the user's networks, each with a declaration and weights.
        named: Folder of a network that the user named, after these; None without one.
        strict: Whether one of the folders that cannot be loaded is an error, as `named` is.

    Raises:
        CheckpointError: The weights cannot be served; or the named network, or any where `strict`.
    """
    # Each call waits for its result: another thread to dispatch it would only add its latency. JAX
    # reads this when it is first used.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    shipped = {name: load(name, weights) for name in shipped_names()}
    sources: dict[str, Source] = {}
    if weights:
        sources |= {name: partial(load, name, weights) for name in shipped}
    found: dict[str, ResidentModel] = {}
    failed: dict[str, str] = {}
    for folder in (*folders, *([named] if named else [])):
        try:
            model = load_folder(folder)
            _check_name(model.name, {*shipped, *found})
            found[model.name], sources[model.name] = model, partial(load_folder, folder)
        except CheckpointError as error:
            if strict or folder is named:
                raise
            # A sentence for the user; a traceback would hide it.
            logger.error("a network is not served: %s", error)  # noqa: TRY400
            failed[printable(folder.name)] = str(error)
    models = found | shipped
    use_cache(models.values(), cache)
    optional = frozenset() if strict else found.keys() - {named.resolve().name if named else ""}
    return LoadedModels(models, failed, sources, frozenset(optional))


def _check_name(name: str, taken: set[str]) -> None:
    """Check the name of a loaded network against those of others, and their number."""
    if name in taken:
        msg = f"{name}: another network has this name: rename the folder"
        raise CheckpointError(msg)
    if len(taken) >= MAX_MODELS:
        msg = f"{name}: one server loads at most {MAX_MODELS} networks"
        raise CheckpointError(msg)


def repository_folders(repository: Path) -> list[Path]:
    """Return the folders of a model repository that have a declaration, in alphabetical order.

    Raises:
        CheckpointError: The repository cannot be read, or has none.
    """
    try:
        found = sorted(path.parent for path in repository.glob(f"*/{FILE}"))
    except OSError as error:
        msg = f"model repository {repository}: {error.strerror}"
        raise CheckpointError(msg) from error
    if not found:
        hint = f"; it is itself a network: use --model {repository}"
        msg = f"model repository {repository} has no folder with {FILE}"
        raise CheckpointError(msg + (hint if (repository / FILE).exists() else ""))
    return found


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
