"""Arguments of the Ray Serve application, which `serve.yaml` or `serve run` passes; without Ray."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from api.inference.memory_limits import parse_bytes
from api.settings import Settings

LISTENER = frozenset(
    {
        "connections",
        "connections_per_address",
        "drain_s",
        "host",
        "idle_s",
        "port",
        "ssl_certfile",
        "ssl_keyfile",
        "workers",
    }
)
"""Settings without effect: the listener is Ray Serve's proxy, and the processes are replicas."""

GPU_SHARE_USED = 0.9
"""Share of a replica's part of a GPU that JAX reserves; the rest is for CUDA's own context."""


FIRST_VERSION = {"weights_version": ""}
"""Configuration of running replicas that `serve.yaml` may replace: its `weights_version` is any
text, and another one makes replicas read replaced files of weights, as SIGHUP does."""


class Arguments(BaseModel):
    """Arguments of the application: number of replicas, resources and settings of each.

    Attributes:
        settings: Settings of each replica by their names (`weights`, `token`, `cache`), as their
            environment variables would have them. Folders are those of the replica's machine.
        target_ongoing_requests: Requests of a replica in flight beyond which replicas are added.
        max_ongoing_requests: Requests that a replica is given at a time. Requests that wait for it
            in the proxy cannot be batched, so that Ray's default of 5 would leave batches small.
        num_gpus: GPUs of each replica; 0.25 lets four share one.
        resources: Further resources of each replica, such as `{"TPU": 1}` for one chip.
        memory: Resident memory of a replica, in bytes or as 1GiB: Ray places replicas by it, and
            it is Lightwell's budget. None leaves Lightwell's default.
        upscale_delay_s: Seconds that the load must last before replicas are added.
        downscale_delay_s: Seconds without the load before replicas are removed.
        max_surge_percent: Replicas of a new version that are started beyond the number of replicas,
            in percent of it, rounded up; old ones stop when these are warm. 0 stops old ones first,
            for a cluster without room: with one replica requests are then refused in between.
        drain_s: Longest time that a replica which is removed has for its requests in flight.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, str] = {}
    min_replicas: int = Field(1, ge=1)
    max_replicas: int = Field(4, ge=1)
    target_ongoing_requests: float = Field(16, gt=0)
    max_ongoing_requests: int = Field(256, ge=1)
    num_cpus: float = Field(1, ge=0)
    num_gpus: float = Field(0, ge=0)
    resources: dict[str, float] = {}
    memory: int | None = Field(None, ge=64 * 2**20)
    upscale_delay_s: float = Field(30, ge=0)
    downscale_delay_s: float = Field(600, ge=0)
    max_surge_percent: int = Field(25, ge=0, le=100)
    drain_s: float = Field(20, ge=0)

    @field_validator("settings", mode="before")
    @classmethod
    def _texts(cls, settings: object) -> object:
        """Let values of `settings` be numbers and booleans, as YAML reads them."""
        if not isinstance(settings, dict):
            return settings
        return {
            name: value if isinstance(value, str) else f"{value}"
            for name, value in settings.items()
        }

    @field_validator("settings")
    @classmethod
    def _are_settings(cls, settings: dict[str, str]) -> dict[str, str]:
        """Reject names that are no settings, and those that Ray Serve has in another place."""
        for name in settings:
            if name in LISTENER:
                msg = (
                    f"setting {name} has no effect under Ray Serve, whose proxy listens: "
                    "see http_options in serve.yaml"
                )
                raise ValueError(msg)
            if name == "memory":
                msg = "setting memory is the argument memory, by which Ray places replicas, too"
                raise ValueError(msg)
            if name not in Settings.model_fields:
                msg = f"{name} is no setting of Lightwell"
                raise ValueError(msg)
        return settings

    @field_validator("memory", mode="before")
    @classmethod
    def _bytes_of(cls, memory: object) -> object:
        """Parse a number of bytes such as `1GiB`."""
        return parse_bytes(memory) if isinstance(memory, str) else memory

    @model_validator(mode="after")
    def _are_consistent(self) -> Self:
        """Check the numbers of replicas against each other, and the part of a GPU."""
        if self.max_replicas < self.min_replicas:
            msg = f"max_replicas ({self.max_replicas}) is below min_replicas ({self.min_replicas})"
            raise ValueError(msg)
        if self.num_gpus > 1 or self.resources.get("TPU", 0) > 1:
            msg = "a replica uses one GPU or one TPU chip: raise max_replicas for more"
            raise ValueError(msg)
        return self

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of each replica."""
        names = {f"LIGHTWELL_{name.upper()}": value for name, value in self.settings.items()}
        if self.memory is not None:
            names["LIGHTWELL_MEMORY"] = str(self.memory)
        if 0 < self.num_gpus < 1:
            # JAX would reserve three quarters of the GPU for the first replica on it.
            share = round(self.num_gpus * GPU_SHARE_USED, 3)
            names["XLA_PYTHON_CLIENT_MEM_FRACTION"] = str(share)
        # Ray imports NumPy before the application could set it.
        return {"OPENBLAS_NUM_THREADS": "1", **names}

    @property
    def deployment(self) -> dict[str, Any]:
        """Options of the Ray Serve deployment."""
        actor: dict[str, Any] = {
            "num_cpus": self.num_cpus,
            "num_gpus": self.num_gpus,
            "resources": dict(self.resources),
            "runtime_env": {"env_vars": self.environment},
        }
        if self.memory is not None:
            actor["memory"] = self.memory
        return {
            "ray_actor_options": actor,
            "user_config": FIRST_VERSION,
            "max_ongoing_requests": self.max_ongoing_requests,
            "autoscaling_config": {
                "min_replicas": self.min_replicas,
                "max_replicas": self.max_replicas,
                "target_ongoing_requests": self.target_ongoing_requests,
                "upscale_delay_s": self.upscale_delay_s,
                "downscale_delay_s": self.downscale_delay_s,
            },
            "max_surge_percent": self.max_surge_percent,
            "graceful_shutdown_wait_loop_s": min(2.0, self.drain_s),
            "graceful_shutdown_timeout_s": self.drain_s,
        }
