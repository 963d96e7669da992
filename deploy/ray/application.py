"""Ray Serve application: replicas of `create_app`, each with its own resident models.

serve run deploy/ray/serve.yaml                                  # from the root of the repository
serve run deploy.ray.application:application max_replicas=2      # with arguments
"""

from typing import Any

from fastapi import FastAPI
from ray import serve

from api.app import create_app
from api.inference.engine import Engine
from deploy.ray.arguments import Arguments


def build() -> FastAPI:
    """Build the application of one replica, with the settings of its environment."""
    return create_app()


@serve.deployment(name="lightwell")
@serve.ingress(build)
class Replica:
    """Replica of the Ray Serve application: one process with resident models."""

    app: FastAPI

    def __init__(self) -> None:
        self._version: str | None = None

    @property
    def _engine(self) -> Engine:
        """Engine of the replica."""
        engine: Engine = self.app.state.engine
        return engine

    async def check_health(self) -> None:
        """Check the health of the replica; Ray sends it requests after the first check.

        The first check waits for the warm-up. A replica whose warm-up fails, or whose device hangs,
        is replaced.

        Raises:
            CheckpointError: The weights cannot be served.
            DeviceHungError: A call of the device hangs.
        """
        await self._engine.warmed()
        self._engine.check_alive()

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Read replaced weights where the replica was started with another `weights_version`."""
        version = user_config["weights_version"]
        if self._version not in (None, version):
            await self._engine.reload()
        self._version = version


def application(arguments: Arguments) -> serve.Application:
    """Build the Ray Serve application: `deploy.ray.application:application` in its files.

    Args:
        arguments: Those of `serve run`, or `args` in the file of `serve deploy`.
    """
    replica: Any = Replica  # the decorator has made a deployment of the class
    deployed: serve.Application = replica.options(**arguments.deployment).bind()
    return deployed
