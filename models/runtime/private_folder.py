"""Private folder: files of one user that no other user can have written, opened without a race.

Every check is of an open descriptor, and every file is opened below that of the folder. So neither
can be exchanged between its check and its use.
"""

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from models.runtime.durable_files import PARTIAL

MODE = 0o700

_FILE_MODE = 0o600

_FOLDER_FLAGS = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)

# A folder above may be one that this user cannot list, such as /home.
_ABOVE_FLAGS = _FOLDER_FLAGS | getattr(os, "O_PATH", os.O_RDONLY)

# A FIFO in place of a file must not make the open wait for a writer.
_FILE_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class PrivateFolderError(Exception):
    """A private folder or a file in it could be another user's; the message is the reason."""


class PrivateFolder:
    """Private folder that is open. It lives until it is collected.

    Neither the folder nor a file in it is read through a symbolic link, or if another user than
    this one and root owns it or may write to it; the folders above it must be such, too.

    Args:
        path: Created with mode 0700 if it is missing, as are missing folders above it.

    Raises:
        PrivateFolderError: Other users could exchange files in it.
        OSError: It cannot be created or opened.
    """

    def __init__(self, path: Path) -> None:
        if sys.platform == "win32":
            msg = "this system has no owners and modes of files"
            raise PrivateFolderError(msg)
        path = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow a link
        # Links above the folder are common, such as that of a home; where they lead is checked.
        above = path.parent.resolve()
        _create(above)
        with _opened(above) as parent:
            created = _make(path.name, parent)
            self._descriptor = _open_folder(path.name, parent, os.O_RDONLY | _FOLDER_FLAGS)
        if created:
            # A umask may have taken permissions of the user as well.
            os.fchmod(self._descriptor, MODE)
        _check(os.fstat(self._descriptor), "it")

    def __del__(self) -> None:
        """Close the private folder."""
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, name: str, limit: int) -> bytes:
        """Read a file of the private folder, and set its time of modification to now.

        Args:
            name: Name without folders.
            limit: Most bytes of the file.

        Raises:
            FileNotFoundError: There is no such file.
            PrivateFolderError: It is a link or no file, too large, or another user's.
            OSError: It cannot be read.
        """
        try:
            descriptor = os.open(name, os.O_RDONLY | _FILE_FLAGS, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                msg = "it is a symbolic link"
                raise PrivateFolderError(msg) from error
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                msg = "it is not a file"
                raise PrivateFolderError(msg)
            _check(found, "it")
            if found.st_size > limit:
                msg = f"it has more than {limit} bytes"
                raise PrivateFolderError(msg)
            with contextlib.suppress(OSError):
                os.utime(descriptor)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(found.st_size)
        finally:
            os.close(descriptor)

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the private folder: it has its old content or the new one.

        Raises:
            OSError: The file system is full or read-only; the temporary file is removed.
        """
        partial = f".{name}.{secrets.token_hex(8)}{PARTIAL}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE_FLAGS
        descriptor = os.open(partial, flags, _FILE_MODE, dir_fd=self._descriptor)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
                os.fchmod(descriptor, _FILE_MODE)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.replace(partial, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                self.remove(partial)
            raise

    def remove(self, name: str) -> None:
        """Remove a file of the private folder.

        Raises:
            OSError: It is missing, or the file system is read-only.
        """
        os.unlink(name, dir_fd=self._descriptor)

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the name and the state of each file of the private folder."""
        for name in os.listdir(self._descriptor):  # noqa: PTH208 - of a descriptor
            with contextlib.suppress(FileNotFoundError):  # another process may remove it now
                yield name, os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)


def _create(path: Path) -> None:
    """Create the missing folders above a private folder, private as well."""
    # XDG's specification has mode 0700 for a folder of caches that is created.
    if not path.exists():
        _create(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=MODE)
            path.chmod(MODE)


def _make(name: str, parent: int) -> bool:
    """Create a folder in an open folder; return whether it was missing."""
    try:
        os.mkdir(name, MODE, dir_fd=parent)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a folder from the root on, checking each on the way; yield its descriptor."""
    descriptor = os.open(path.anchor, _ABOVE_FLAGS)
    try:
        _check(os.fstat(descriptor), path.anchor, is_above=True)
        for index, name in enumerate(path.parts[1:], 2):
            above, descriptor = descriptor, _open_folder(name, descriptor, _ABOVE_FLAGS)
            os.close(above)
            _check(os.fstat(descriptor), str(Path(*path.parts[:index])), is_above=True)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(name: str, parent: int, flags: int) -> int:
    """Open a folder in an open folder, and no symbolic link."""
    try:
        return os.open(name, flags, dir_fd=parent)
    except OSError as error:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            msg = "it is a symbolic link: name the folder itself"
            raise PrivateFolderError(msg) from error
        raise


def _check(found: os.stat_result, name: str, *, is_above: bool = False) -> None:
    """Check that no other user owns a file or folder, or may write to it.

    Args:
        found: State of the file or folder.
        name: What the error calls it.
        is_above: Whether it is a folder above the private one: such folders may be for everybody
            if only owners may rename what is in them, as in `/tmp`; or for the user's own group.

    Raises:
        PrivateFolderError: Another user does, or may.
    """
    if found.st_uid not in (os.geteuid(), 0):
        msg = f"{name} belongs to user {found.st_uid}"
        raise PrivateFolderError(msg)
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if is_above and (
        found.st_mode & stat.S_ISVTX or (others == stat.S_IWGRP and _is_own_group(found.st_gid))
    ):
        return
    if others:
        msg = f"others may write to {name} (mode {stat.S_IMODE(found.st_mode):o})"
        raise PrivateFolderError(msg)


def _is_own_group(group: int) -> bool:
    """Return whether a group is of this user alone: many systems have one for each user."""
    import grp  # noqa: PLC0415 - POSIX systems alone have it, and `pwd`
    import pwd  # noqa: PLC0415

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    is_primary = group == user.pw_gid and found.gr_name == user.pw_name
    return is_primary and set(found.gr_mem) <= {user.pw_name}
