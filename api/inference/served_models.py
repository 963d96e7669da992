"""Served models by name, and the networks that are not served."""

import logging
from collections.abc import Mapping

from api.inference.errors import ModelLeftOutError
from api.inference.loading import LoadedModels
from api.inference.program_queues import ProgramQueue, QueueFactory
from api.inference.served_model import ServedModel
from models.registry import ResidentModel
from models.runtime.resident import ResidentProgram

logger = logging.getLogger("lightwell")


class ServedModels(dict[str, ServedModel]):
    """Served models by name, in the order of `/models`.

    Args:
        loaded: Loaded models, and the networks that could not be loaded.
        queues: Creates the queue of each program.

    Attributes:
        failed: Why a network is not served, by its name or that of its folder.

    Raises:
        ModelLeftOutError: On access by `[]`: there are routes of that name, and no model.
    """

    def __init__(self, loaded: LoadedModels, queues: QueueFactory) -> None:
        super().__init__({name: ServedModel(one, queues) for name, one in loaded.models.items()})
        self.failed = dict(loaded.failed)
        self._optional = loaded.optional

    def __missing__(self, name: str) -> ServedModel:
        msg = f"{name} is not served: /models says why"
        raise ModelLeftOutError(msg)

    def leave_out(self, name: str, reason: str) -> bool:
        """Leave a model out of those that are served, for a reason that is logged.

        Returns:
            Whether it was left out; not if the server cannot do without it.
        """
        logger.error("a network is not served: %s", reason)
        if name not in self._optional:
            return False
        self.failed[name] = reason
        del self[name]
        return True

    @property
    def models(self) -> Mapping[str, ResidentModel]:
        """Resident models that are served now, by name."""
        return {name: served.model for name, served in self.items()}

    @property
    def queues(self) -> Mapping[str, ProgramQueue]:
        """Queues of the served models now, by the names of model and program: `cnn.trace`."""
        return {
            f"{name}.{program}": queue
            for name, served in self.items()
            for program, queue in served.queues.items()
        }

    @property
    def programs(self) -> Mapping[str, ResidentProgram]:
        """Programs of the served models with a queue now, by the names of model and program."""
        return {
            f"{name}.{program}": served.model.programs[program]
            for name, served in self.items()
            for program in served.queues
        }
