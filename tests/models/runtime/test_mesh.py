"""A batch divided over a mesh of devices, here eight virtual ones of the processor."""

import json
import os
import subprocess
import sys

from tests.models.runtime.mesh_program import COLLECTIVE
from tests.servers import ROOT

DEVICES = 8


def test_a_batch_over_a_mesh_is_equal_to_its_parts() -> None:
    """Each device computes its rows alone: equal to the bit at the same rows, no collectives."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}",
    }
    command = [sys.executable, "-m", "tests.models.runtime.mesh_program"]
    done = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(one["program"], one["rows"]) for one in found] == [
        (program, rows) for program in ("cnn.trace", "lstm.trace.128") for rows in (1, 2)
    ]
    for one in found:
        assert one["devices"] == DEVICES
        assert one["collectives"] == []
        assert len(one["equal"]) >= DEVICES
        assert all(one["equal"]), one


def test_collectives_are_recognised() -> None:
    """Operations between devices, as XLA writes them, are found."""
    text = "%a = f32[] all-reduce(%b), %c = all-gather(%d), collective-permute, reduce-scatter("

    assert len(COLLECTIVE.findall(text)) == 4
    assert not COLLECTIVE.findall("%a = f32[8] fusion(%b), reduce-window(%c)")
