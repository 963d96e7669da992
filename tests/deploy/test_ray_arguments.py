"""Arguments of the Ray Serve application: resources and settings of replicas."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from api.settings import Settings
from deploy.ray.arguments import LISTENER, Arguments
from tests.deploy.manifests import document


def test_the_configuration_file_is_valid() -> None:
    """Arguments of `serve.yaml` are accepted, and its import path is in the repository."""
    (application,) = document("ray/serve.yaml")["applications"]
    arguments = Arguments(**application["args"])

    assert application["import_path"] == "deploy.ray.application:application"
    assert arguments.memory == 2**30
    assert document("ray/serve.yaml")["http_options"]["host"] == "127.0.0.1"


def test_settings_become_variables_of_the_replica() -> None:
    """Numbers and booleans of YAML are text, and the memory of Ray is that of Lightwell."""
    arguments = Arguments(settings={"deadline_s": 30, "strict": True}, memory="1GiB")

    environment = arguments.deployment["ray_actor_options"]["runtime_env"]["env_vars"]
    assert environment == {
        "LIGHTWELL_DEADLINE_S": "30",
        "LIGHTWELL_STRICT": "True",
        "LIGHTWELL_MEMORY": str(2**30),
        "OPENBLAS_NUM_THREADS": "1",
    }
    assert arguments.deployment["ray_actor_options"]["memory"] == 2**30


def test_replicas_that_share_a_gpu_share_its_memory() -> None:
    """JAX reserves less than the replica's part of a GPU; a whole GPU has JAX's default."""
    quarter = Arguments(num_gpus=0.25).environment
    whole = Arguments(num_gpus=1).environment

    assert float(quarter["XLA_PYTHON_CLIENT_MEM_FRACTION"]) == 0.225
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in whole


def test_a_chip_is_reserved_for_each_replica() -> None:
    """Resources are Ray's own, such as the chips of a TPU."""
    options = Arguments(resources={"TPU": 1}, num_cpus=2).deployment["ray_actor_options"]

    assert (options["resources"], options["num_cpus"], options["num_gpus"]) == ({"TPU": 1}, 2, 0)


def test_the_first_version_of_weights_is_that_of_the_file() -> None:
    """Replicas are configured at their start, so that they know a later version from the first."""
    (application,) = document("ray/serve.yaml")["applications"]
    (deployment,) = application["deployments"]

    assert deployment == {
        "name": "lightwell",
        "user_config": Arguments().deployment["user_config"],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"settings": {"port": 9000}}, "setting port has no effect under Ray Serve"),
        ({"settings": {"memory": "1GiB"}}, "setting memory is the argument memory"),
        ({"settings": {"colour": "red"}}, "colour is no setting of Lightwell"),
        ({"min_replicas": 3, "max_replicas": 2}, "max_replicas (2) is below min_replicas (3)"),
        ({"num_gpus": 2}, "a replica uses one GPU or one TPU chip"),
        ({"resources": {"TPU": 4}}, "a replica uses one GPU or one TPU chip"),
        ({"memory": "much"}, "is no number of bytes"),
        ({"replicas": 2}, "Extra inputs are not permitted"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    """The error names the argument and the limit."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Arguments(**arguments)


def test_settings_of_the_listener_exist() -> None:
    """Each name that is refused is a setting, so that a renamed one is not forgotten."""
    assert set(Settings.model_fields) >= LISTENER
