"""Settings of the server: command-line flags and environment variables, with their limits."""

import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, NoDecode, SettingsConfigDict

from api.access.proxies import TrustedProxies
from api.access.public_path import parse_prefix
from api.access.tokens import NONE, Tokens
from api.inference.memory_limits import default_budget, parse_bytes
from models.runtime.processors import processors

MOST_WORKERS = 64
"""Most worker processes of one server."""

MOST_BY_ITSELF = 8
"""Most worker processes that the value `auto` of the setting `workers` leads to."""

WITHOUT_POSIX = ("win32", "cygwin", "emscripten", "wasi")
"""Platforms (`sys.platform`) that lack the signals and shared sockets of worker processes."""

FRAME_ANCESTOR = re.compile(
    r"\*|https?://(\*\.)?[\w.-]+(:(\d{1,5}|\*))?|https?://\[[\da-f:]+\](:\d{1,5})?"
)
"""Origin, perhaps with a wildcard, of the setting `frame_ancestors`."""


def _default_cache() -> Path | None:
    """Return the default of the setting `cache`; None for a user without a home."""
    # A relative path is to be ignored, as XDG's specification says; that of a user without a home
    # would be a folder with the name `~`. Path.expanduser raises for such a user.
    candidates = (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache"))  # noqa: PTH111
    return next((Path(one) / "lightwell" for one in candidates if Path(one).is_absolute()), None)


def _default_memory(settings: Mapping[str, object]) -> int:
    """Return the default of the setting `memory`, by that of `workers`."""
    workers = settings["workers"]
    processes = workers if isinstance(workers, int) else min(MOST_BY_ITSELF, processors())
    return default_budget(processes=processes)


def _default_access_log() -> bool:
    """Return the default of the setting `access_log`: lines would push a greeting off a screen."""
    return not sys.stderr.isatty()


def _bytes_of(value: object) -> object:
    """Parse a setting of a number of bytes, such as `1GiB`."""
    return parse_bytes(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Settings of one server: `LIGHTWELL_PORT=9000`, or `--port 9000`, which has precedence."""

    model_config = SettingsConfigDict(
        env_prefix="LIGHTWELL_",
        frozen=True,
        cli_prog_name="python -m api",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is any.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    weights: Path | None = Field(
        None,
        description="Folder with your own weights of the shipped networks: cnn.safetensors, "
        "lstm.safetensors.",
    )
    models: Path | None = Field(
        None, description="Model repository: every folder in it with a lightwell.toml is served."
    )
    model: Path | None = Field(
        None, description="Folder of one network of yours: a lightwell.toml and its weights."
    )
    strict: CliImplicitFlag[bool] = Field(
        False, description="Whether a network that cannot be loaded stops the start."
    )
    cache: Path | None = Field(
        default_factory=_default_cache,
        description="Private folder for the cache of compiled programs; none turns it off.",
    )
    workers: int | Literal["auto"] = Field(
        1,
        description="Processes that answer requests, which share all limits; auto is one a GPU or "
        "TPU chip, or one a core up to eight.",
    )
    memory: Annotated[int, BeforeValidator(_bytes_of)] = Field(
        default_factory=_default_memory,
        ge=64 * 2**20,
        description="Resident memory that the server may have, in bytes or as 1GiB; default the "
        "container's limit less 15 %, or the smaller of 2 GiB a process and half of the machine's "
        "memory.",
    )
    queue_rows: int | None = Field(
        None,
        ge=1,
        le=65536,
        description="Maximum rows in the queue of each program; default 1024, fewer where `memory` "
        "is below 512 MiB.",
    )
    queue_bytes: int | None = Field(
        None,
        ge=2**20,
        description="Maximum bytes of the rows in the queue of each program, outputs included; "
        "default a quarter of `memory`, at most 256 MiB.",
    )
    max_requests: int | None = Field(
        None,
        ge=1,
        le=65536,
        description="Maximum requests in flight; default 1024, fewer where `memory` is below "
        "512 MiB.",
    )
    analysis_rows: int | None = Field(
        None,
        ge=1,
        description="Maximum rows of multi-row analyses (sweeps, attributions) in flight; default "
        "131,072, fewer where `memory` is below 512 MiB.",
    )
    body_bytes: int | None = Field(
        None,
        ge=2**20,
        description="Maximum bytes of the bodies that are read or decoded at a time; "
        "default a quarter of `memory`, at most 256 MiB.",
    )
    deadline_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="Request timeout in seconds, from the arrival of the body: 504 while queued.",
    )
    idle_s: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="Seconds that a connection stays open between two requests; 5 where not set, "
        "65 behind trusted proxies.",
    )
    connections: int = Field(
        1024,
        ge=1,
        le=65536,
        description="Maximum open connections; at most the limit of open files less 64.",
    )
    connections_per_address: int | None = Field(
        None,
        ge=1,
        le=65536,
        description="Maximum open connections of one address; where not set, a quarter of all, "
        "and 128 on loopback.",
    )
    token: str | None = Field(
        None,
        description="Token that clients need: a secret, name:secret,name:secret for several "
        "holders, or none. The command makes one up where it listens beyond this machine.",
        repr=False,
    )
    metrics: Literal["private", "public"] = Field(
        "private", description="Whether /metrics needs the token (private) or not (public)."
    )
    # Without `NoDecode` the environment variables would have to be JSON.
    hosts: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description="Host names of the server besides IP addresses, localhost and this machine's "
        "own; comma-separated; * is any.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies whose X-Forwarded-For names the client, and "
        "X-Forwarded-Prefix and -Proto its address; comma-separated.",
    )
    root_path: str = Field(
        "",
        description="Path below which a proxy serves the server, such as /lightwell, whether or "
        "not it removes it from requests.",
    )
    rate: float | None = Field(
        None,
        ge=0,
        description="Requests a second of each client; 0 is no limit. Where not set, 50, and no "
        "limit for clients on this machine.",
    )
    burst: int = Field(200, ge=1, description="Requests of each client at once.")
    access_log: CliImplicitFlag[bool] = Field(
        default_factory=_default_access_log,
        description="Whether the log has a line for each request; default: unless it goes to a "
        "terminal. Failed requests (5xx) always have one.",
    )
    drain_s: float = Field(
        0.0,
        ge=0,
        le=60,
        description="Seconds between SIGTERM and closing the listener; /readyz fails meanwhile.",
    )
    # Without `NoDecode` the environment variable would have to be JSON.
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may call this server, in addition to those of this "
        "machine; comma-separated; * is any.",
    )

    # Without `NoDecode` the environment variable would have to be JSON.
    frame_ancestors: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may show /embed/… in a frame, such as "
        "https://example.org; comma-separated; * is any. Everything else only frames itself.",
    )
    ssl_certfile: Path | None = Field(
        None, description="Certificate chain of the server (PEM), for HTTPS."
    )
    ssl_keyfile: Path | None = Field(
        None, description="Private key of `ssl_certfile` (PEM), where it is in another file."
    )

    @field_validator("workers", mode="before")
    @classmethod
    def _is_a_number_of_workers(cls, workers: object) -> object:
        """Check the setting `workers`: more than one process needs POSIX."""
        if isinstance(workers, str) and workers.isdecimal():
            workers = int(workers)
        if workers != "auto" and not (isinstance(workers, int) and 1 <= workers <= MOST_WORKERS):
            msg = f"is a number of processes from 1 to {MOST_WORKERS}, or auto"
            raise ValueError(msg)
        if workers != 1 and sys.platform in WITHOUT_POSIX:
            msg = "several processes need Linux or macOS: leave it at 1 on this system"
            raise ValueError(msg)
        return workers

    @field_validator("weights", "models", "model")
    @classmethod
    def _is_a_folder(cls, folder: Path | None) -> Path | None:
        """Reject a value of the settings of folders that is not a folder."""
        if folder is not None and not folder.is_dir():
            msg = "is not a folder"
            raise ValueError(msg)
        return folder

    @field_validator("ssl_certfile", "ssl_keyfile")
    @classmethod
    def _is_a_file(cls, file: Path | None) -> Path | None:
        """Reject a value of the settings of TLS that is not a file which can be read."""
        if file is not None and not (file.is_file() and os.access(file, os.R_OK)):
            msg = "is not a file that can be read"
            raise ValueError(msg)
        return file

    @model_validator(mode="after")
    def _has_certificate(self) -> Self:
        """Check the settings of TLS together: a key needs a certificate, and each its own form."""
        if self.ssl_certfile is None:
            if self.ssl_keyfile is not None:
                msg = "ssl_keyfile needs ssl_certfile, the certificate of the key"
                raise ValueError(msg)
            return self
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.ssl_certfile, self.ssl_keyfile, password=lambda: ""
            )
        except (ssl.SSLError, OSError, ValueError) as error:
            msg = (
                "ssl_certfile and ssl_keyfile must be a PEM certificate and its key, without a "
                "passphrase"
            )
            raise ValueError(msg) from error
        return self

    @field_validator("cache", mode="before")
    @classmethod
    def _off(cls, cache: object) -> object:
        """Parse the setting `cache`: the empty text and `none` are no folder."""
        return None if cache in ("", "none") else cache

    @field_validator("token")
    @classmethod
    def _is_token(cls, token: str | None) -> str | None:
        """Check the setting `token`; the empty text is none."""
        if not token:
            return NONE if token == "" else None
        if token != NONE:
            Tokens.parse(token)
        return token

    @field_validator("root_path")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        """Parse the setting `root_path`; a last slash is left out."""
        return parse_prefix(prefix)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        """Check that the setting `trusted_proxies` has addresses or networks."""
        TrustedProxies(proxies)
        return proxies

    @field_validator("frame_ancestors")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Check the setting `frame_ancestors`, which becomes part of a header."""
        wrong = [one for one in origins if FRAME_ANCESTOR.fullmatch(one) is None]
        if wrong:
            msg = f"has {wrong[0]!a}, which is no origin such as https://example.org"
            raise ValueError(msg)
        return origins

    @field_validator("cors_origins", "frame_ancestors", "hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, origins: object) -> object:
        """Parse comma-separated settings; an origin's last slash is removed."""
        if isinstance(origins, str):
            parts = (part.strip().removesuffix("/") for part in origins.split(","))
            return tuple(part for part in parts if part)
        return origins
