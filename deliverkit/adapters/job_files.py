"""Definitions of jobs as files: `storefront.xml` defines `storefront`, and `storefront/delivery.xml` a job in it."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from deliverkit.domain.job_definition import JobDefinition, compared, fault_in_name
from deliverkit.domain.job_xml import LARGEST, parse
from deliverkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX = ".xml"
_MOST = 10_000
"""Files and folders that are looked at: `deliverkit jenkins install /` is a mistake."""


def read_definitions(directory: Path) -> tuple[JobDefinition, ...]:
    """The jobs and folders that a directory defines, folders before what lies in them, in order of their names.

    Other files than `*.xml` and what begins with a dot are left alone.

    Raises:
        UsageError: If it is no directory, defines nothing, or any definition cannot be used: no XML, not UTF-8, too
            large, a link, a name that Jenkins does not take, two files for one job, a job inside what is no folder. All
            that is wrong is told at once.
    """
    if not directory.is_dir():
        raise UsageError(
            f"{directory} is no directory with definitions of jobs",
            hint="deliverkit jenkins install DIRECTORY: NAME.xml in it defines the job or folder NAME",
        )
    faults: list[str] = []
    found = []
    for path in _files(directory, faults):
        try:
            found.append(_read(path, directory))
        except UsageError as error:
            faults.append(error.message)
    faults += [*_doubles(found), *_misplaced(found)]
    if faults:
        count = f"{len(faults)} faults" if len(faults) > 1 else "a fault"
        raise UsageError(
            f"{count} in the definitions, and nothing was asked of the server:\n  " + "\n  ".join(faults),
            hint="a definition is what Jenkins answers at a job's address with config.xml behind it",
        )
    if not found:
        raise UsageError(f"{directory} holds no *{_SUFFIX}", hint="NAME.xml in it defines the job or folder NAME")
    return tuple(sorted(found, key=lambda each: each.name.split("/")))


def _files(directory: Path, faults: list[str]) -> Iterator[Path]:
    for count, path in enumerate(_walked(directory, faults), start=1):
        if count > _MOST:
            faults.append(f"{directory} holds more than {_MOST:,} files and folders; is it the right one?")
            return
        is_definition = path.suffix.lower() == _SUFFIX
        if path.is_symlink():
            # Whoever may change a file elsewhere would decide what runs on the controller.
            if is_definition or path.is_dir():
                faults.append(f"{path} is a symbolic link; a definition is a file of its own")
        elif is_definition and not path.is_dir():
            yield path


def _walked(directory: Path, faults: list[str]) -> Iterator[Path]:
    ahead = [directory]
    while ahead:
        folder = ahead.pop()
        try:
            entries = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
        except OSError as error:
            faults.append(f"{folder} cannot be read: {error.strerror}")
            continue
        yield from entries
        ahead += [each for each in reversed(entries) if each.is_dir() and not each.is_symlink()]


def _read(path: Path, directory: Path) -> JobDefinition:
    names = [unicodedata.normalize("NFC", each) for each in path.relative_to(directory).with_suffix("").parts]
    for name in names:
        if fault := fault_in_name(name):
            raise UsageError(f"{path}: {fault}")
    text = _text(path)
    return JobDefinition("/".join(names), os.fspath(path), text, parse(text, os.fspath(path)))


def _text(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"{path} is no file")
    try:
        with path.open("rb") as stream:
            content = stream.read(4 * LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > 4 * LARGEST:
        raise UsageError(f"{path} is larger than {LARGEST:,} characters, the most that a definition has")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: byte {error.start + 1}") from error


def _doubles(found: list[JobDefinition]) -> Iterator[str]:
    seen: dict[str, JobDefinition] = {}
    for each in found:
        other = seen.setdefault(compared(each.name), each)
        if other is not each:
            yield f"{other.file} and {each.file} define the same job: Jenkins tells no upper from lower case"


def _misplaced(found: list[JobDefinition]) -> Iterator[str]:
    by_name = {compared(each.name): each for each in found}
    for each in found:
        folder = by_name.get(compared(each.folder))
        if folder and not folder.is_folder:
            yield f"{each.file} lies in {folder.name}, which {folder.file} defines as a {folder.kind}, not a folder"
