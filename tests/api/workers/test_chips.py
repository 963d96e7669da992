"""Chips of the machine, and the one that each worker sees."""

from pathlib import Path

import pytest

from api.workers.chips import visible_chips

CUDA, TPU = ("jax_cuda13_plugin",), ("libtpu",)


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """Folder of device files: two GPUs, four TPU chips, and others."""
    names = ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null", "vfio/vfio")
    for name in (*names, *(f"accel{number}" for number in range(4))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def environments(
    environment: dict[str, str], devices: Path, packages: tuple[str, ...]
) -> list[dict[str, str]]:
    """Variables of one worker for each chip."""
    found = visible_chips(environment, devices, packages.__contains__)
    return [found.environment(slot) for slot in range(len(found.names))]


def test_each_worker_sees_a_gpu_of_its_own(devices: Path) -> None:
    """Its variable is the number of one GPU, from 0 on."""
    assert environments({}, devices, CUDA) == [
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "1"},
    ]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [("3,5", ["3", "5"]), ("GPU-8a, GPU-9b", ["GPU-8a", "GPU-9b"]), ("1,-1,2", ["1"]), ("", [])],
)
def test_gpus_that_the_user_has_chosen_are_divided(
    listed: str, expected: list[str], devices: Path
) -> None:
    """Numbers and UUIDs of the variable count, up to one that is none, as NVIDIA's driver does."""
    found = environments({"CUDA_VISIBLE_DEVICES": listed}, devices, CUDA)

    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == expected


def test_each_worker_sees_a_tpu_chip_of_its_own(devices: Path) -> None:
    """Its variables confine it to one chip, and let several processes load libtpu."""
    found = environments({}, devices, TPU)

    assert [one["TPU_VISIBLE_CHIPS"] for one in found] == ["0", "1", "2", "3"]
    assert {one["TPU_CHIPS_PER_PROCESS_BOUNDS"] for one in found} == {"1,1,1"}
    assert {one["ALLOW_MULTIPLE_LIBTPU_LOAD"] for one in found} == {"1"}


def test_chips_of_the_second_driver_are_found(tmp_path: Path) -> None:
    """Newer TPU machines have their chips below vfio."""
    (tmp_path / "vfio").mkdir()
    for name in ("0", "1", "vfio"):
        (tmp_path / "vfio" / name).touch()

    found = environments({}, tmp_path, TPU)

    assert [one["TPU_VISIBLE_CHIPS"] for one in found] == ["0", "1"]


@pytest.mark.parametrize(
    ("platforms", "packages"), [("", ()), ("cpu", (*CUDA, *TPU)), ("tpu", CUDA), ("cuda", TPU)]
)
def test_chips_that_jax_does_not_use_do_not_count(
    platforms: str, packages: tuple[str, ...], devices: Path
) -> None:
    """Those without their package, and those that JAX_PLATFORMS leaves out."""
    found = visible_chips({"JAX_PLATFORMS": platforms}, devices, packages.__contains__)

    assert not found.names
    assert found.environment(1) == {}
