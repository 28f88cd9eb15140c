"""Artifacts of a pipeline: unpacked for whoever works on them, and packed again.

They are no bundles of ours: an input has no manifest to be held against, and an output must hold what the next action
of the pipeline expects and nothing else.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from deliverkit.errors import IntegrityError, UsageError
from deliverkit.packaging.tree import shown

_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")
"""With which a zip archive begins, also one that was cut off, and an empty one."""
_LONGEST_TARGET = 4096
_SHOWN = 80
_LINKS_LIMIT = 40
"""The kernel gives up on a chain of links at the same length (path_resolution(7))."""
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)
_UNFIT = frozenset(
    {
        errno.EEXIST,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.EILSEQ,
        None,  # the modules of gzip and bzip2 say so that their data are broken
    }
)
"""Errors of the file system that tell of names which cannot stand side by side, or not at all."""


def unpack_artifact(archive: Path, directory: Path) -> None:
    """Unpack a zip or a tar archive of any compression; another file is put into the directory as it is.

    Nothing is written outside of the directory, no link in it leads out of it, and what is made there can be written
    to and removed by its owner.

    Args:
        archive: The artifact's file; its name is the one that a file which is no archive gets.
        directory: Is made.

    Raises:
        IntegrityError: If the archive is broken, cannot be laid out as files, or a member or link leads out of it.
        OSError: If the disk is full.
    """
    directory.mkdir(parents=True)
    try:
        if _begins_as_zip(archive):
            _unzip(archive, _Tree(directory))
        elif tarfile.is_tarfile(archive):
            _untar(archive, _Tree(directory))
        elif zipfile.is_zipfile(archive):  # last: any file that ends with a zip archive is one, also a tar with a jar
            _unzip(archive, _Tree(directory))
        else:
            shutil.copyfile(archive, directory / archive.name)
    except _BROKEN as error:
        raise IntegrityError(f"the archive cannot be unpacked: {str(error) or type(error).__name__}") from error
    except OSError as error:
        if error.errno not in _UNFIT:
            raise
        told = f"{error.strerror or error}{_place(error, directory)}"
        raise IntegrityError(f"the archive cannot be unpacked: {told}") from error


def pack_artifact(directory: Path, archive: Path) -> None:
    """Pack everything below a directory into a zip archive, with modes and symbolic links.

    Raises:
        UsageError: If something in it is neither file, link nor directory, or has a name that is no UTF-8.
        OSError: If something cannot be read, or the disk is full.
    """
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as made:
        for path in _walked(directory):
            name, mode = path.relative_to(directory).as_posix(), path.lstat().st_mode
            if not _is_text(name):
                raise UsageError(f"the name {shown(os.fsencode(name))} is no UTF-8, and cannot be packed")
            if stat.S_ISLNK(mode):
                link = zipfile.ZipInfo(name)
                link.create_system, link.external_attr = 3, mode << 16  # Unix
                made.writestr(link, os.fsencode(path.readlink()))
            elif stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                made.write(path, name)
            else:
                raise UsageError(f"{shown(name)} is neither file, link nor directory, and cannot be packed")


class _Tree:
    """A directory that is filled from an archive: links last, so that nothing can be written through one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: set[Path] = set()
        self._links: dict[Path, str] = {}

    def path(self, name: str) -> Path:
        """Where a member is put."""
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise IntegrityError(f"a member of the archive leads out of it: {shown(name)}")
        return self._directory / parts

    def require_room(self, size: int) -> None:
        """Refuse what the disk cannot take before it is full."""
        if size > shutil.disk_usage(self._directory).free:
            told = f"{os.strerror(errno.ENOSPC)}: {size} bytes to unpack"
            raise OSError(errno.ENOSPC, told, str(self._directory))

    def add_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def add_file(self, path: Path, source: IO[bytes], mode: int) -> None:
        self.add_folder(path.parent)
        with source, path.open("xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        path.chmod(mode & 0o777 | 0o600)
        self._files.add(path)

    def add_link(self, path: Path, target: str) -> None:
        """Remember a symbolic link."""
        self.add_folder(path.parent)
        if path in self._links:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        if not target or target.startswith("/"):
            raise self._leads_out(path, target)
        self._links[path] = target

    def add_name(self, path: Path, origin: Path) -> None:
        """Give a second name to what is already there: a hard link."""
        if origin in self._links:
            self.add_link(path, self._links[origin])
            return
        if origin not in self._files:
            raise IntegrityError(f"a hard link of the archive names no file of it: {shown(path.name)}")
        self.add_folder(path.parent)
        path.hardlink_to(origin)
        self._files.add(path)

    def finish(self) -> None:
        """Make the links, and look where they lead once all of them are there: others may lie on the way."""
        for path, target in self._links.items():
            path.symlink_to(target)
        for path, target in self._links.items():
            if not self._is_inside(path):
                raise self._leads_out(path, target)

    def _is_inside(self, link: Path) -> bool:
        """False when a link leads out at any point of its way, or in a circle; it may lead to nothing.

        It is followed as the kernel does it. `os.path.realpath` would take a link whose path is too long for it, or
        that it may not read, for a directory.
        """
        here, ahead, count = list(link.parent.relative_to(self._directory).parts), [link.name], 0
        while ahead:
            part = ahead.pop()
            if part == ".." and not here:
                return False
            if part == "..":
                here.pop()
                continue
            target = _target_of(self._directory.joinpath(*here, part))
            if target is None:
                here.append(part)
                continue
            count += 1
            if count > _LINKS_LIMIT:
                return False
            ahead.extend(each for each in reversed(target.split("/")) if each not in {"", "."})
        return True

    def _leads_out(self, path: Path, target: str) -> IntegrityError:
        told = f"{shown(path.relative_to(self._directory).as_posix())} -> {shown(target)}"
        return IntegrityError(f"a link of the archive leads out of it, or nowhere: {told}")


def _unzip(archive: Path, tree: _Tree) -> None:
    with zipfile.ZipFile(archive) as opened:
        tree.require_room(sum(each.file_size for each in opened.infolist()))
        for member in opened.infolist():
            mode, path = member.external_attr >> 16, tree.path(member.filename)
            if "\\" in member.filename:  # a separator for whoever made it
                raise IntegrityError(f"a member of the archive leads out of it: {shown(member.filename)}")
            if member.is_dir():
                tree.add_folder(path)
            elif stat.S_ISLNK(mode):
                with opened.open(member) as content:
                    tree.add_link(path, os.fsdecode(content.read(_LONGEST_TARGET)))
            else:
                tree.add_file(path, opened.open(member), mode)
    tree.finish()


def _untar(archive: Path, tree: _Tree) -> None:
    """Unpack a tar archive; of several members with one name the last counts, as `tar --update` means it."""
    with tarfile.open(archive, "r:*") as opened:
        members: dict[Path, tarfile.TarInfo] = {}
        for member in opened:
            path = tree.path(member.name)
            members.pop(path, None)  # the order stays that of the archive, which may be compressed
            members[path] = member
        tree.require_room(sum(each.size for each in members.values() if each.isreg()))
        for path, member in members.items():
            source = opened.extractfile(member) if member.isreg() else None
            if source is not None:
                # Nobody but the owner may write, as in the standard library's filter for data (PEP 706).
                tree.add_file(path, source, member.mode & 0o755)
                os.utime(path, (member.mtime, member.mtime))
            elif member.isdir():
                tree.add_folder(path)
            elif member.issym():
                tree.add_link(path, member.linkname)
            elif member.islnk():
                tree.add_name(path, tree.path(member.linkname))
            else:
                raise IntegrityError(f"{shown(member.name)} is neither file, link nor directory")
        _read_out(opened)
    tree.finish()


def _read_out(opened: tarfile.TarFile) -> None:
    """Read on behind the last member: what shows that compressed data are whole stands at their end."""
    while opened.fileobj.read(1 << 20):  # type: ignore[union-attr,unused-ignore]
        pass


def _begins_as_zip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) in _ZIP_MARKS


def _target_of(path: Path) -> str | None:
    """Where a link leads; None for what is none."""
    try:
        return os.readlink(path)  # noqa: PTH115  (pathlib would take dots away)
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.ENOENT, errno.ENOTDIR}:
            return None
        raise


def _walked(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        yield from (Path(folder, name) for name in sorted([*folders, *files]))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _place(error: OSError, directory: Path) -> str:
    """The member that an error of the file system names, short enough for a line."""
    if not isinstance(error.filename, str):
        return ""
    name = shown(os.path.relpath(error.filename, directory))
    return f": {name if len(name) <= _SHOWN else f'{name[:_SHOWN]}...'}"
