"""Unpacking a bundle the way the agent's system tools do.

`unzip -qo` for zip: dots of a traversing member are stripped with a warning, so it lands inside. `tar -xpsf` for tar
and tgz: such a member is refused and the whole command fails. Symbolic links are made after everything else, as both
tools do with links that could lead out, so that no member can be written through one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.removal import remove_tree
from deliverkit.sandbox.agent.room import require_room

COPY_CHUNK = 1 << 20
LONGEST_TARGET = 4096
"""Bytes of a symbolic link's target (PATH_MAX)."""
HEADERS = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)
LARGEST_HEADER = 1 << 20
"""Bytes of a tar header that says more about a member; it is read at once, whatever size it says it has."""


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
        remove_tree(target)
    extraction = Extraction(target)
    try:
        _check_sizes(bundle, bundle_type, target)
        if bundle_type == "zip":
            _unzip(bundle, extraction)
        else:
            _untar(bundle, bundle_type, extraction)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError) as error:
        raise AgentError(f"The {bundle_type} bundle cannot be unpacked: {error}") from error
    extraction.finish()
    _strip_leading_directory(target)


def _check_sizes(bundle: Path, bundle_type: str, target: Path) -> None:
    if bundle_type == "zip":
        with zipfile.ZipFile(bundle) as archive:
            require_room((member.file_size for member in archive.infolist()), target)
    else:
        with _open_tar(bundle, bundle_type) as archive:
            require_room((member.size if member.isfile() else 0 for member in archive), target)


class _Member(tarfile.TarInfo):
    """A member whose headers are none that fill the memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in HEADERS and self.size > LARGEST_HEADER:
            raise AgentError(f"tar: {self.name}: a header of {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


def _open_tar(bundle: Path, bundle_type: str) -> tarfile.TarFile:
    # GNU tar finds out by itself whether a `tar` is compressed; `tar -z` insists on gzip.
    return tarfile.open(bundle, "r:gz" if bundle_type == "tgz" else "r:*", tarinfo=_Member)


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
        if member.file_size > LONGEST_TARGET:
            raise AgentError(f"unzip: {member.filename}: the target of a symbolic link is too long")
        extraction.add_link(name, archive.read(member).decode(errors="surrogateescape"))
    else:

        def write(path: Path) -> None:
            with archive.open(member) as source, path.open("wb") as out:
                shutil.copyfileobj(source, out, COPY_CHUNK)

        extraction.add_file(name, mode or 0o644, write)


def _stripped(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", ".", ".."})


def _untar(bundle: Path, bundle_type: str, extraction: Extraction) -> None:
    with _open_tar(bundle, bundle_type) as archive:
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
            remove_tree(aside)
        mode = stat.S_IMODE(entries[0].stat().st_mode)
        entries[0].chmod(mode | stat.S_IRWXU)  # a read-only directory cannot be moved
        target.rename(aside)
        (aside / entries[0].name).rename(target)
        target.chmod(mode)
        aside.rmdir()
