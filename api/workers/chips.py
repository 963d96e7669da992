"""Chips: GPUs and TPU chips of this machine, and the variables that give a worker one of them."""

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

CUDA_PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")
"""Packages without which JAX leaves GPUs alone."""

ONE_TPU_CHIP: Mapping[str, str] = {
    "TPU_CHIPS_PER_PROCESS_BOUNDS": "1,1,1",
    "TPU_PROCESS_BOUNDS": "1,1,1",
    # libtpu's lock file would keep all processes but the first from loading it.
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}
"""Variables of a process that has one TPU chip of several, besides the number of the chip."""


class Chips(NamedTuple):
    """Chips that JAX would use in this process.

    Attributes:
        names: Numbers or UUIDs of the chips, as the variable takes them.
        variable: Environment variable that says which chips a process sees.
        further: Further variables of a process that sees one chip.
    """

    names: tuple[str, ...] = ()
    variable: str = ""
    further: Mapping[str, str] = {}

    def environment(self, slot: int) -> dict[str, str]:
        """Return the variables of the worker of a slot: its own chip; none without chips."""
        if not self.names:
            return {}
        return {**self.further, self.variable: self.names[slot]}


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def visible_chips(
    environment: Mapping[str, str] = os.environ,
    devices: Path = Path("/dev"),
    is_installed: Callable[[str], bool] = _is_installed,
) -> Chips:
    """Find the chips that JAX would use, without its import, which would take hold of them.

    Args:
        environment: Variables of the process.
        devices: Folder of device files.
        is_installed: Tells whether a package can be imported.
    """
    platforms = environment.get("JAX_PLATFORMS", "").split(",")
    allows_any = platforms == [""]
    if (allows_any or {"cuda", "gpu"} & set(platforms)) and any(map(is_installed, CUDA_PLUGINS)):
        variable = "CUDA_VISIBLE_DEVICES"
        if names := _named(environment.get(variable), devices, r"nvidia(\d+)"):
            return Chips(names, variable)
    if (allows_any or "tpu" in platforms) and is_installed("libtpu"):
        variable = "TPU_VISIBLE_CHIPS"
        if names := _named(environment.get(variable), devices, r"accel(\d+)|vfio/(\d+)"):
            return Chips(names, variable, ONE_TPU_CHIP)
    return Chips()


def _named(listed: str | None, devices: Path, pattern: str) -> tuple[str, ...]:
    """Return the chips that a variable lists, or those with a device file; -1 ends the list."""
    if listed is None:
        files = [
            str(one.relative_to(devices)) for one in (*devices.glob("*"), *devices.glob("vfio/*"))
        ]
        count = sum(re.fullmatch(pattern, one) is not None for one in files)
        return tuple(map(str, range(count)))
    names = [one.strip() for one in listed.split(",")]
    ends = [at for at, name in enumerate(names) if not name or name == "-1"]
    return tuple(names[: ends[0]] if ends else names)
