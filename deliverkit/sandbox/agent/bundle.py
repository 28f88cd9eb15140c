"""Unpacking a bundle the way the agent's system tools do.

`unzip -qo` for zip: dots of a traversing member are stripped with a warning, so it lands inside. `tar -xpsf` for tar
and tgz: such a member is refused and the whole command fails. Symbolic links are made after everything else, as both
tools do with links that could lead out, so that no member can be written through one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from deliverkit.sandbox.agent.errors import AgentError

COPY_CHUNK = 1 << 20
DISK_BYTES = 8 << 30
"""The root volume of an instance, as EC2 gives it when nobody asks for another size."""
SHARE_OF_FREE = 2
"""An instance never takes more than this part of what the machine itself has left: one half."""


class Extraction:
    """A directory that is being filled from an archive."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._links: list[tuple[Path, str]] = []
        self._directory_modes: list[tuple[Path, int]] = []
        target.mkdir(parents=True)

    def place(self, name: str) -> Path:
        """Path of a member, its parents made."""
        path = self._target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add_directory(self, name: str, mode: int) -> None:
        """Make a directory; its mode is set at the end, so that a read-only one can be filled."""
        path = self.place(name)
        path.mkdir(exist_ok=True)
        self._directory_modes.append((path, mode))

    def add_file(self, name: str, mode: int, write: Callable[[Path], None], modified_at: float | None = None) -> None:
        """Make a file; a member of the same name that came before is replaced."""
        path = self.place(name)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        write(path)
        path.chmod(mode)
        if modified_at is not None:
            os.utime(path, (modified_at, modified_at))

    def add_link(self, name: str, target: str) -> None:
        """Remember a symbolic link for the end."""
        self._links.append((self.place(name), target))

    def finish(self) -> None:
        """Make the links and set the modes of directories."""
        for path, target in self._links:
            path.symlink_to(target)  # fails when another member needed a directory of that name
        for path, mode in reversed(self._directory_modes):
            path.chmod(mode)


def unpack(bundle: Path, bundle_type: str, target: Path) -> None:
    """Unpack a bundle into a directory that is made for it; a lone top directory with an appspec is stripped.

    Raises:
        AgentError: If the archive is broken or a tar member leads out of it.
        OSError: If the disk is full or not writable.
    """
    if target.exists():
        shutil.rmtree(target)
    extraction = Extraction(target)
    room = min(DISK_BYTES, shutil.disk_usage(target).free // SHARE_OF_FREE)
    try:
        _require_room(bundle, bundle_type, room)
        if bundle_type == "zip":
            _unzip(bundle, extraction)
        else:
            _untar(bundle, _how_to_open(bundle_type), extraction)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError) as error:
        raise AgentError(f"The {bundle_type} bundle cannot be unpacked: {error}") from error
    extraction.finish()
    _strip_leading_directory(target)


def _require_room(bundle: Path, bundle_type: str, room: int) -> None:
    """Refuse, before anything is written, what would fill the disk: a bomb of a few kilobytes, for one."""
    if bundle_type == "zip":
        with zipfile.ZipFile(bundle) as archive:
            _add_up((member.file_size for member in archive.infolist()), room)
    else:
        with tarfile.open(bundle, _how_to_open(bundle_type)) as archive:  # type: ignore[call-overload]
            _add_up((member.size for member in archive if member.isfile()), room)


def _add_up(sizes: Iterable[int], room: int) -> None:
    total = 0
    for size in sizes:
        total += size
        if total > room:
            raise OSError(errno.ENOSPC, f"the bundle unpacks to more than the {room:,} bytes that are left")


def _how_to_open(bundle_type: str) -> str:
    return "r:gz" if bundle_type == "tgz" else "r:*"


def _unzip(bundle: Path, extraction: Extraction) -> None:
    with zipfile.ZipFile(bundle) as archive:
        for member in archive.infolist():
            name = _stripped(member.filename.replace("\\", "/") if member.create_system == 0 else member.filename)
            if name:
                _unzip_member(archive, member, name, extraction)


def _unzip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, extraction: Extraction) -> None:
    attributes = member.external_attr >> 16
    mode = attributes & 0o777  # unzip drops set-user-id and the like unless told to keep them
    if member.is_dir():
        extraction.add_directory(name, mode or 0o755)
    elif stat.S_ISLNK(attributes):
        extraction.add_link(name, archive.read(member).decode(errors="surrogateescape"))
    else:

        def write(path: Path) -> None:
            with archive.open(member) as source, path.open("wb") as out:
                shutil.copyfileobj(source, out, COPY_CHUNK)

        extraction.add_file(name, mode or 0o644, write)


def _stripped(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", ".", ".."})


def _untar(bundle: Path, how: str, extraction: Extraction) -> None:
    with tarfile.open(bundle, how) as archive:  # type: ignore[call-overload]
        for member in archive:
            _untar_member(archive, member, _checked(member.name), extraction)


def _untar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, extraction: Extraction) -> None:
    if not name:
        return
    if member.isdir():
        extraction.add_directory(name, member.mode & 0o7777)
    elif member.issym():
        extraction.add_link(name, member.linkname)
    elif member.islnk():
        original = extraction.place(_checked(member.linkname))
        extraction.add_file(name, member.mode & 0o7777, lambda path: path.hardlink_to(original))
    elif member.isfile():

        def write(path: Path) -> None:
            source = archive.extractfile(member)
            assert source is not None
            with path.open("wb") as out:
                shutil.copyfileobj(source, out, COPY_CHUNK)

        extraction.add_file(name, member.mode & 0o7777, write, member.mtime)
    else:
        raise AgentError(f"tar: {member.name}: devices and pipes cannot be made on a rehearsal instance")


def _checked(name: str) -> str:
    """GNU tar drops leading slashes and refuses `..`."""
    parts = name.split("/")
    if ".." in parts:
        raise AgentError(f"tar: {name}: Member name contains '..'; Exiting with failure status due to previous errors")
    return "/".join(part for part in parts if part not in {"", "."})


def _strip_leading_directory(target: Path) -> None:
    entries = list(target.iterdir())
    if len(entries) != 1 or entries[0].is_symlink() or not entries[0].is_dir():
        return
    if any("appspec" in child.name.lower() for child in entries[0].iterdir()):
        aside = target.with_name(f"{target.name}-temp")
        if aside.exists():
            shutil.rmtree(aside)
        target.rename(aside)
        (aside / entries[0].name).rename(target)
        aside.rmdir()
