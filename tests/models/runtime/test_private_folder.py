"""Private folder: files that other users could have written are not read."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from models.runtime.private_folder import PrivateFolder, PrivateFolderError

LIMIT = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Path of a private folder that does not exist yet."""
    return tmp_path / "caches" / "private"


def test_what_was_written_is_read(path: Path) -> None:
    """Files are the user's alone, with any umask, and a second write replaces the first."""
    before = os.umask(0o777)
    try:
        folder = PrivateFolder(path)
        folder.write("file", b"old")
        folder.write("file", b"new")
    finally:
        os.umask(before)

    assert PrivateFolder(path).read("file", LIMIT) == b"new"
    modes = [one.stat().st_mode & 0o777 for one in (path.parent, path, path / "file")]
    assert modes == [0o700, 0o700, 0o600]
    assert [name for name, _ in folder.files()] == ["file"]


def test_an_open_umask_leaves_the_folder_private(path: Path) -> None:
    """Folders above that were missing are private, too."""
    before = os.umask(0)
    try:
        PrivateFolder(path).write("file", b"content")
    finally:
        os.umask(before)

    modes = [one.stat().st_mode & 0o777 for one in (path.parent, path, path / "file")]
    assert modes == [0o700, 0o700, 0o600]


def _link(file: Path) -> None:
    file.rename(file.with_name("other"))
    file.symlink_to("other")


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _socket(file: Path) -> None:
    file.unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(file.parent)  # the path of a socket has at most some 100 bytes
        try:
            bound.bind(file.name)
        finally:
            os.chdir(before)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (_link, "symbolic link"),
    "link to itself": (
        lambda file: (file.unlink(), file.symlink_to(file.name)),
        "symbolic link",
    ),
    "fifo": (_fifo, "not a file"),
    "socket": (_socket, "not a file|No such device"),
    "folder": (_folder, "not a file|Is a directory"),
    "writable by its group": (lambda file: file.chmod(0o620), "others may write"),
    "writable by all": (lambda file: file.chmod(0o666), "others may write"),
    "large": (lambda file: os.truncate(file, LIMIT + 1), "more than 1000 bytes"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_file_of_another_kind_or_mode_is_refused(case: str, path: Path) -> None:
    """The reason is one sentence, and nothing waits for a writer of a FIFO."""
    change, reason = FOREIGN[case]
    folder = PrivateFolder(path)
    folder.write("file", b"content")
    change(path / "file")

    with pytest.raises((PrivateFolderError, OSError), match=reason):
        folder.read("file", LIMIT)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good folder may hold a file that was moved there."""
    folder = PrivateFolder(path)
    folder.write("file", b"content")
    if os.geteuid() == 0:
        os.chown(path / "file", 1234, -1)
    owner = (path / "file").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(PrivateFolderError, match=f"it belongs to user {owner}"):
        folder.read("file", LIMIT)


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    """The folder itself must be named."""
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("there")

    with pytest.raises(PrivateFolderError, match="symbolic link: name the folder itself"):
        PrivateFolder(tmp_path / "link")
    PrivateFolder(tmp_path / "link" / "below").write("file", b"content")

    assert (tmp_path / "there" / "below" / "file").exists()


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o770])
def test_a_folder_below_one_of_others_is_refused(mode: int, path: Path) -> None:
    """Others could exchange the folder; below /tmp only its owner can."""
    path.parent.mkdir()
    os.chown(path.parent, -1, 4321) if os.geteuid() == 0 else None
    path.parent.chmod(mode)

    with pytest.raises(PrivateFolderError, match=rf"write to {path.parent} \(mode {mode:o}\)"):
        PrivateFolder(path)

    path.parent.chmod(mode | 0o1000)
    PrivateFolder(path)


def test_a_folder_that_is_exchanged_is_still_the_first(path: Path) -> None:
    """The folder is opened once: another folder that takes its name later is not read."""
    folder = PrivateFolder(path)
    folder.write("file", b"first")
    path.rename(path.with_name("moved"))
    path.mkdir()
    (path / "file").write_bytes(b"second")

    assert folder.read("file", LIMIT) == b"first"


def test_writers_at_once_leave_one_whole_file(path: Path) -> None:
    """No temporary file is left."""
    folder = PrivateFolder(path)

    def write(letter: bytes) -> None:
        for _ in range(20):
            folder.write("file", letter * LIMIT)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(folder.read("file", LIMIT))) == 1
    assert [one.name for one in path.iterdir()] == ["file"]
