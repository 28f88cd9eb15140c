"""Artifacts of a pipeline: unpacked for whoever works on them, and packed again.

They are no bundles of ours: an input has no manifest to be held against, and an output must hold what the next action
of the pipeline expects and nothing else.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from deliverkit.errors import IntegrityError, UsageError
from deliverkit.packaging.tree import shown

_LONGEST_TARGET = 4096
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


def unpack_artifact(archive: Path, directory: Path) -> None:
    """Unpack a zip or a tar archive of any compression; another file is put into the directory as it is.

    Nothing is written outside of the directory, and what is made there can be written to and removed by its owner.

    Args:
        archive: The artifact's file; its name is the one that a file which is no archive gets.
        directory: Is made.

    Raises:
        IntegrityError: If the archive is broken, or a member or link leads out of it.
        OSError: If the disk is full.
    """
    directory.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive) or _begins(archive, b"PK\x03\x04"):  # also one that was cut off
            _unzip(archive, directory)
        elif tarfile.is_tarfile(archive):
            _untar(archive, directory)
        else:
            shutil.copyfile(archive, directory / archive.name)
    except _BROKEN as error:
        raise IntegrityError(f"the archive cannot be unpacked: {str(error) or type(error).__name__}") from error


def pack_artifact(directory: Path, archive: Path) -> None:
    """Pack everything below a directory into a zip archive, with modes and symbolic links.

    Raises:
        UsageError: If something in it is neither file, link nor directory.
        OSError: If something cannot be read, or the disk is full.
    """
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as made:
        for path in _walked(directory):
            name, mode = path.relative_to(directory).as_posix(), path.lstat().st_mode
            if stat.S_ISLNK(mode):
                link = zipfile.ZipInfo(name)
                link.create_system, link.external_attr = 3, mode << 16  # Unix
                made.writestr(link, str(path.readlink()))
            elif stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                made.write(path, name)
            else:
                raise UsageError(f"{shown(name)} is neither file, link nor directory, and cannot be packed")


def _begins(file: Path, mark: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(mark)) == mark


def _walked(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        yield from (Path(folder, name) for name in sorted([*folders, *files]))


def _unzip(archive: Path, directory: Path) -> None:
    links: list[tuple[Path, str]] = []
    with zipfile.ZipFile(archive) as opened:
        _require_room(sum(each.file_size for each in opened.infolist()), directory)
        for member in opened.infolist():
            mode, path = member.external_attr >> 16, _inside(directory, member.filename)
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                target = opened.open(member).read(_LONGEST_TARGET).decode("utf-8", "replace")
                links.append((path, target))
                continue
            with opened.open(member) as source, path.open("xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            path.chmod(mode & 0o777 | 0o600)
    # Last, so that no member can be written through one.
    for path, target in links:
        _require_inside(directory, path, target)
        path.symlink_to(target)


def _untar(archive: Path, directory: Path) -> None:
    with tarfile.open(archive, "r:*") as opened:
        _require_room(sum(each.size for each in opened if each.isreg()), directory)
        # Refuses what leads out, devices and the like, and lets the owner read and write (PEP 706).
        opened.extractall(directory, filter="data")


def _inside(directory: Path, name: str) -> Path:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or not parts.parts:
        raise IntegrityError(f"a member of the archive leads out of it: {shown(name)}")
    return directory / parts


def _require_inside(directory: Path, link: Path, target: str) -> None:
    told = f"a link of the archive leads out of it: {shown(link.name)} -> {shown(target)}"
    if Path(target).is_absolute():
        raise IntegrityError(told)
    # Other links may lie on the way: where it really leads is asked of the file system.
    led = Path(os.path.realpath(link.parent / target))
    if not led.is_relative_to(os.path.realpath(directory)):
        raise IntegrityError(told)


def _require_room(size: int, directory: Path) -> None:
    if size > shutil.disk_usage(directory).free:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {size} bytes to unpack", str(directory))
