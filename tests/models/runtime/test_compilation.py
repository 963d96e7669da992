"""Cache of executables: reuse, damage, permissions, fingerprint and concurrency."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.runtime import checkpoints, compilation
from models.runtime import executable_cache as cache_module
from models.runtime.compilation import ExecutableKey, Executables, compile_programs, fingerprint
from models.runtime.executable_cache import CacheError, ExecutableCache
from models.runtime.programs import Program
from tests.networks import SIMPLE_CNN, counting_lstm
from tests.oracles.parameters import CNN_SHAPES, draw, lstm_shapes
from tests.servers import ROOT

PARAMETERS = {"scale": jnp.full((2,), 3.0)}
BUCKETS = (1, 4)


def scaled(parameters, rows):
    """The smallest program there is."""
    return {"scaled": parameters["scale"][None] * rows["values"]}


PROGRAM = Program("tiny.scale", scaled, {"values": jax.ShapeDtypeStruct((2,), jnp.float32)})


def obtain(cache: ExecutableCache) -> bool:
    """Ask for the executables and run one; tell whether they came from the cache."""
    executables, cached = cache.executables("tiny", [PROGRAM], PARAMETERS, BUCKETS)
    assert set(executables) == {ExecutableKey("tiny.scale", bucket) for bucket in BUCKETS}
    check(executables)
    return cached


def check(executables: Executables) -> None:
    """Run one executable."""
    rows = {"values": np.array([[1.0, 2.0]], np.float32)}
    made = executables[ExecutableKey("tiny.scale", 1)](PARAMETERS, rows)
    np.testing.assert_array_equal(made["scaled"], [[3.0, 6.0]])


def only_file(folder: Path) -> Path:
    """Return the one file of a folder."""
    (file,) = folder.iterdir()
    return file


SECOND = """
import json, sys
from pathlib import Path
import jax
import numpy as np
from models import registry
from models.runtime.executable_cache import ExecutableCache
from models.runtime.resident import drive
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
)
model = registry.load("lstm", Path(sys.argv[1]))
model.cache = ExecutableCache(Path(sys.argv[2]))
model.compile()
zeros = np.zeros(2, np.float32)
row = {"sequence": np.arange(40, dtype=np.uint8) % 2, "cell": zeros, "hidden": zeros}
(trace,) = drive([model.run("trace", row, frozenset({"cell"}))], model.programs)
print(json.dumps({
    "cached": model.cached, "compiled": len(compiled), "flax": "flax" in sys.modules,
    "cell": trace["cell"].tobytes().hex(),
}))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    """It loads the executables of the first, imports no Flax, and computes equal bits."""
    checkpoints.save(tmp_path / "lstm.safetensors", draw(lstm_shapes(2), 1), {})

    first, second = (
        json.loads(
            subprocess.run(  # noqa: S603 - our own script
                [sys.executable, "-c", SECOND, str(tmp_path), str(tmp_path / "cache")],
                cwd=ROOT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(2)
    )

    assert not first["cached"]
    assert first["compiled"] > 0
    assert second == {"cached": True, "compiled": 0, "flax": False, "cell": first["cell"]}


def test_executables_are_kept_in_a_private_folder(tmp_path: Path) -> None:
    """The folder has mode 0700, and stored executables are found again."""
    folder = tmp_path / "a" / "cache"

    assert not obtain(ExecutableCache(folder))
    assert obtain(ExecutableCache(folder))
    assert folder.stat().st_mode & 0o777 == 0o700


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "foreign": lambda content: b"\x89PNG" + content,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_bad_file_is_overwritten(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged file is reported in one line; its programs are compiled and stored again."""
    cache = ExecutableCache(tmp_path / "cache")
    obtain(cache)
    file = only_file(tmp_path / "cache")
    file.write_bytes(DAMAGE[damage](file.read_bytes()))

    assert not obtain(cache)
    assert [record.message for record in caplog.records] == [
        f"cached programs are not used: {file.name}: the file is damaged"
    ]
    assert obtain(cache)


def test_executables_that_do_not_load_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole file that JAX refuses is as good as none."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("made for another machine")

    cache = ExecutableCache(tmp_path / "cache")
    obtain(cache)
    monkeypatch.setattr(cache_module.serialize_executable, "deserialize_and_load", refuse)

    assert not obtain(cache)
    assert "made for another machine" in caplog.text


def test_a_full_disk_is_said_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Programs that cannot be kept run all the same."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    cache = ExecutableCache(tmp_path / "cache")

    for _ in range(2):
        assert not obtain(cache)
    assert "No space left on device" in caplog.records[0].message
    assert len(caplog.records) == 1
    assert [*(tmp_path / "cache").iterdir()] == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The reason is the system's."""
    (tmp_path / "file").touch()

    with pytest.raises(CacheError, match="Not a directory"):
        ExecutableCache(tmp_path / "file" / "cache")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    """Other users could put code into it."""
    tmp_path.chmod(mode)

    with pytest.raises(CacheError, match=rf"others may write to it \(mode {mode:o}\)"):
        ExecutableCache(tmp_path)


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one's own folder, or the administrator's, is read."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 1234, -1)
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(CacheError, match=f" belongs to user {owner}"):
        ExecutableCache(tmp_path)


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "jaxlib": lambda patch: patch.setattr(compilation.jaxlib, "__version__", "0.0.1"),
    "flax": lambda patch: patch.setattr(compilation, "version", lambda name: "0.0.1"),
    "python": lambda patch: patch.setattr(sys, "version", "4.0"),
    "flags": lambda patch: patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true"),
    "sources": lambda patch: patch.setattr(compilation, "_sources", lambda: b"other"),
    "processors": lambda patch: patch.setattr(compilation, "processors", lambda: 99),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_environment_has_another_fingerprint(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executables of another version, processor or setting are never loaded."""
    before = fingerprint([PROGRAM], PARAMETERS, BUCKETS)
    assert fingerprint([PROGRAM], PARAMETERS, BUCKETS) == before

    CHANGES[change](monkeypatch)

    assert fingerprint([PROGRAM], PARAMETERS, BUCKETS) != before


SOURCES = {"__init__.py": "", "cnn/programs.py": "a", "cnn/layers/conv.py": "b", "rnn/cell.py": "c"}

SOURCE_CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": lambda package: (package / "cnn/programs.py").write_text("d"),
    "edited two folders down": lambda package: (package / "cnn/layers/conv.py").write_text("d"),
    "added": lambda package: (package / "rnn/readout.py").write_text(""),
    "removed": lambda package: (package / "rnn/cell.py").unlink(),
    "renamed": lambda package: (package / "rnn/cell.py").rename(package / "rnn/gates.py"),
    "moved": lambda package: (package / "rnn/cell.py").rename(package / "cnn/cell.py"),
    "swapped": lambda package: [
        (package / name).write_text(text)
        for name, text in (("cnn/programs.py", "c"), ("rnn/cell.py", "a"))
    ],
    "split elsewhere": lambda package: [
        (package / name).write_text(text)
        for name, text in (("cnn/layers/conv.py", "ba"), ("cnn/programs.py", ""))
    ],
}


def write_sources(package: Path) -> None:
    """Write the files of a small package."""
    for name, text in SOURCES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)


@pytest.mark.parametrize("change", SOURCE_CHANGES)
def test_any_change_of_the_source_code_changes_the_fingerprint(change: str, tmp_path: Path) -> None:
    """Also in a sub-folder, and also where only the name of a file or its folder is another."""
    write_sources(tmp_path)
    before = compilation._sources(tmp_path)

    SOURCE_CHANGES[change](tmp_path)

    assert compilation._sources(tmp_path) != before


def test_where_the_package_lies_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    """Two checkouts of one source code share executables; other kinds of files do not count."""
    for checkout in ("one", "two"):
        write_sources(tmp_path / checkout)
    (tmp_path / "two" / "README.md").write_text("text")

    assert compilation._sources(tmp_path / "one") == compilation._sources(tmp_path / "two")


def test_the_fingerprint_reads_the_whole_models_package() -> None:
    """The code of every network and of the runtime is in it."""
    sources = compilation._sources()

    for name in ("architecture.py", "cnn/analyses.py", "rnn/network.py", "runtime/programs.py"):
        assert (ROOT / "models" / name).read_bytes() in sources


def test_shapes_change_the_fingerprint_and_weights_do_not() -> None:
    """Weights are arguments, so that training again needs no other executables."""
    before = fingerprint([PROGRAM], PARAMETERS, BUCKETS)

    assert fingerprint([PROGRAM], {"scale": jnp.zeros(2)}, BUCKETS) == before
    assert fingerprint([PROGRAM], {"scale": jnp.zeros(1)}, BUCKETS) != before
    assert fingerprint([PROGRAM], PARAMETERS, (1, 8)) != before
    longer = Program(PROGRAM.name, scaled, {"values": jax.ShapeDtypeStruct((1,), jnp.float32)})
    assert fingerprint([longer], PARAMETERS, BUCKETS) != before


def test_the_cache_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many sets those stay that were used last."""
    cache = ExecutableCache(tmp_path / "cache")
    for bucket in (1, 2, 3):
        cache.executables("tiny", [PROGRAM], PARAMETERS, (bucket,))
        sizes = [file.stat().st_size for file in (tmp_path / "cache").iterdir()]
        monkeypatch.setattr(cache_module, "MAX_BYTES", int(2.5 * max(sizes)))
        for file in (tmp_path / "cache").iterdir():
            os.utime(file, (0, file.stat().st_mtime - 10))

    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert cache.executables("tiny", [PROGRAM], PARAMETERS, (3,))[1]
    assert not cache.executables("tiny", [PROGRAM], PARAMETERS, (1,))[1]


def test_servers_that_start_at_once_do_not_disturb_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has its executables, and one whole file is left."""
    caplog.set_level(logging.WARNING)
    executables = compile_programs([PROGRAM], PARAMETERS, BUCKETS)
    cache = ExecutableCache(tmp_path)
    name = "tiny.executables"
    together = threading.Barrier(4)

    def keep() -> None:
        together.wait()
        for _ in range(5):
            assert cache._store(name, executables)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert caplog.records == []
    kept = cache._load(name)
    assert kept is not None
    check(kept)
    assert only_file(tmp_path).name == name


def test_a_compiler_that_does_not_know_our_options_compiles_without() -> None:
    """The options only save time."""
    optioned = replace(PROGRAM, options={"xla_no_such_option": "1"})

    check(compile_programs([optioned], PARAMETERS, BUCKETS))


@pytest.mark.parametrize("change", [{"options": {"a": "1"}}, {"signature": "another network"}])
def test_another_network_has_another_fingerprint(change: dict[str, Any]) -> None:
    """Networks with equal shapes may compute different functions."""
    other = replace(PROGRAM, **change)

    assert fingerprint([other], PARAMETERS, BUCKETS) != fingerprint([PROGRAM], PARAMETERS, BUCKETS)


def test_the_declared_parameters_are_those_of_the_networks() -> None:
    """Parameter shapes that are declared without Flax are those of the Flax modules."""
    assert SIMPLE_CNN.parameters == CNN_SHAPES
    assert counting_lstm(5).parameters == lstm_shapes(5)
