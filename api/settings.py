"""What can be set: by flag, by environment variable, or left as it is."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_CACHES = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
# Not Path.expanduser, which raises where there is no home.


class Settings(BaseSettings):
    """The settings of one server: `LIGHTWELL_PORT=9000`, or `--port 9000`, which goes first."""

    model_config = SettingsConfigDict(
        env_prefix="LIGHTWELL_",
        frozen=True,
        cli_prog_name="python -m api",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is every one.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    weights: Path | None = Field(
        None, description="Folder with weights of one's own: cnn.safetensors, lstm.safetensors."
    )
    cache: Path | None = Field(
        Path(_CACHES) / "lightwell",
        description="Private folder that keeps compiled programs for the next start; none is off.",
    )
    queue_rows: int = Field(
        128, ge=1, le=65536, description="Rows that may wait for each program; more are refused."
    )
    queue_bytes: int = Field(
        256 * 2**20,
        ge=2**20,
        description="Bytes that the waiting rows of each program and their outputs may take.",
    )
    max_requests: int = Field(
        256, ge=1, le=65536, description="Requests that may be worked on at once."
    )
    analysis_rows: int = Field(
        131_072,
        ge=1,
        description="Rows that requests which make many, such as sweeps, may make together.",
    )
    deadline_s: float = Field(
        10.0, gt=0, le=600, description="Seconds after which an answer would come too late."
    )
    drain_s: float = Field(
        0.0,
        ge=0,
        le=60,
        description="Seconds between saying not ready and closing the door, for a load balancer.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may call this server besides those of this machine, "
        "comma-separated; * is every one.",
    )

    @field_validator("weights")
    @classmethod
    def _is_a_folder(cls, weights: Path | None) -> Path | None:
        """Refuse a folder that is not there."""
        if weights is not None and not weights.is_dir():
            msg = "is not a folder"
            raise ValueError(msg)
        return weights

    @field_validator("cache", mode="before")
    @classmethod
    def _off(cls, cache: object) -> object:
        """Read the empty text and `none` as no folder."""
        return None if cache in ("", "none") else cache

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, origins: object) -> object:
        """Read a comma-separated list; addresses are often copied with a slash at the end."""
        if isinstance(origins, str):
            parts = (part.strip().removesuffix("/") for part in origins.split(","))
            return tuple(part for part in parts if part)
        return origins
