"""A job or folder of a continuous integration server as a file defines it, and what may be a name of one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from deliverkit.domain.job_xml import Element

_REFUSED_CHARACTERS = "?*/\\%!@#$^&|<>[]:;"
"""jenkins.model.Jenkins.checkGoodName"""
_LONGEST_NAME = 200
"""Bytes of a name: each is the name of a directory on the controller, which most file systems limit to 255."""
_KINDS = {
    "com.cloudbees.hudson.plugins.folder.Folder": "folder",
    "flow-definition": "pipeline job",
    "hudson.matrix.MatrixProject": "matrix job",
    "hudson.maven.MavenModuleSet": "Maven job",
    "jenkins.branch.OrganizationFolder": "organization folder",
    "matrix-project": "matrix job",
    "maven2-moduleset": "Maven job",
    "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject": "multibranch project",
    "project": "freestyle job",
}
_FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """What a file defines.

    Attributes:
        name: Full name of the job or folder, folders separated by slashes.
        file: The file's path, for people.
        xml: The file's text.
        root: The same, read.
    """

    name: str
    file: str
    xml: str
    root: Element

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return kind(self.root)

    @property
    def folder(self) -> str:
        """Full name of the folder that it lies in; empty at the top."""
        return self.name.rpartition("/")[0]

    @property
    def is_folder(self) -> bool:
        """True when other jobs can be put into it: the projects inside a multibranch project are Jenkins' own."""
        return self.root.name == _FOLDER


def kind(root: Element) -> str:
    """What a definition defines, in words."""
    return _KINDS.get(root.name, root.name)


def fault_in_name(name: str) -> str:
    """Why Jenkins would not take a name of a job; empty when it would.

    Args:
        name: One name, without folders.
    """
    refused = sorted({each for each in name if each in _REFUSED_CHARACTERS or not each.isprintable()})
    if refused:
        return f"a name must not have {' '.join(repr(each) for each in refused)}"
    if not name or name != name.strip():
        return "a name must not be empty, or begin or end with a space"
    if name.startswith(".") or name.endswith("."):
        return "a name must not begin or end with a dot"
    if len(name.encode()) > _LONGEST_NAME:
        return f"a name must not have more than {_LONGEST_NAME} bytes"
    return ""


def compared(name: str) -> str:
    """The form in which names of the same job are equal: Jenkins tells no upper from lower case."""
    return unicodedata.normalize("NFC", name).casefold()
