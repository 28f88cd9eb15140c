"""Carrying out one command: download, install, or a hook."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from deliverkit.sandbox.agent.bundle import unpack
from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.hooks import SCRIPTABLE, Hook, pointed_directory, read_appspec
from deliverkit.sandbox.agent.host import Fetcher, Host
from deliverkit.sandbox.agent.installer import install
from deliverkit.sandbox.agent.layout import ARCHIVE, BUNDLE, deployment_directory, host_path
from deliverkit.sandbox.agent.removal import remove_tree
from deliverkit.sandbox.agent.specification import DeploymentSpecification
from deliverkit.sandbox.agent.troubles import require_space

NEVER_NOOP = frozenset({"DownloadBundle", "Install"})
DEFAULT_APPSPEC = "appspec.yml"
OTHER_APPSPEC = "appspec.yaml"
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Executor:
    """Carries out commands on one host.

    Args:
        host: The instance.
        fetch: Fetches bundles.
    """

    def __init__(self, host: Host, fetch: Fetcher) -> None:
        self._host = host
        self._fetch = fetch

    def is_noop(self, command: str, specification: DeploymentSpecification) -> bool:
        """True when the command would do nothing, asked when a command is acknowledged.

        Raises:
            AgentError: If the appspec that decides it cannot be read.
        """
        if command in NEVER_NOOP:
            return False
        return command not in SCRIPTABLE or Hook(self._host, specification, command).is_noop

    def execute(self, command: str, specification: DeploymentSpecification) -> None:
        """Carry out a command.

        Raises:
            ScriptError: If a script fails.
            AgentError: If anything else does.
        """
        try:
            self._directory(specification).mkdir(parents=True, exist_ok=True)
            if command == "DownloadBundle":
                self._download_bundle(specification)
            elif command == "Install":
                self._install(specification)
            elif command in SCRIPTABLE:
                Hook(self._host, specification, command).run()
            else:
                raise AgentError(f"Unsupported command type: {command}.")
        except OSError as error:
            raise self._translated(error) from error

    def _translated(self, error: OSError) -> AgentError:
        if error.errno in DISK_FULL:
            return AgentError(
                f"The disk is (or was) full: {error.strerror}, on the disk that holds the instance's"
                f" {self._host.layout.root}"
            )
        return AgentError(str(error))

    def _download_bundle(self, specification: DeploymentSpecification) -> None:
        self._remove_old_revisions(specification)
        require_space(self._host.layout.root)
        directory = self._directory(specification)
        bundle = directory / BUNDLE
        if not self._reuse(specification, directory / ARCHIVE):
            self._fetch_bundle(specification, bundle)
            unpack(bundle, specification.revision.bundle_type, directory / ARCHIVE)
        self._point(self._host.layout.most_recent(specification.group_id), specification)

    def _reuse(self, specification: DeploymentSpecification, archive: Path) -> bool:
        """Copy the archive of the deployment that a restart starts from; False when it must be downloaded again.

        As the host agent does since 2.1.0 (its release notes): an archive without an appspec is not complete.
        """
        identifier = specification.reused_deployment_id
        if identifier is None:
            return False
        own = host_path(deployment_directory(specification.group_id, identifier), ARCHIVE)
        source = self._host.layout.machine(own)
        if not any((source / name).is_file() for name in (specification.appspec_name, OTHER_APPSPEC)):
            return False
        if archive.exists():
            remove_tree(archive)
        shutil.copytree(source, archive, symlinks=True)
        return True

    def _fetch_bundle(self, specification: DeploymentSpecification, bundle: Path) -> None:
        revision = specification.revision
        e_tag = self._fetch(revision.bucket, revision.key, revision.version, bundle)
        if revision.e_tag is not None and revision.e_tag.replace('"', "") != e_tag.replace('"', ""):
            raise AgentError(f"Expected deployment artifact bundle etag {revision.e_tag} but was actually {e_tag}")

    def _install(self, specification: DeploymentSpecification) -> None:
        appspec_name = self._appspec_name(specification)
        directory = self._host_directory(specification)
        appspec = read_appspec(self._host, directory, appspec_name)
        if specification.all_possible_events is not None:
            unknown = [event for event in appspec.hooks if event not in specification.all_possible_events]
            if unknown:
                listed = ", ".join(f'"{event}"' for event in unknown)
                raise AgentError(f"appspec.yml file contains unknown lifecycle events: [{listed}]")
        archive = host_path(directory, ARCHIVE)
        require_space(self._host.layout.root)
        install(self._host.layout, specification.group_id, archive, appspec, specification.file_exists_behavior)
        self._point(self._host.layout.last_successful(specification.group_id), specification)

    def _appspec_name(self, specification: DeploymentSpecification) -> str:
        # Install knows both spellings of the default name; the hooks do not, so such a bundle fails at its first hook.
        name = specification.appspec_name
        archive = self._directory(specification) / ARCHIVE
        if name == DEFAULT_APPSPEC and not (archive / name).exists() and (archive / OTHER_APPSPEC).exists():
            return OTHER_APPSPEC
        return name

    def _remove_old_revisions(self, specification: DeploymentSpecification) -> None:
        own = self._directory(specification)
        others = [entry for entry in own.parent.iterdir() if entry != own]
        surplus = len(others) - self._host.max_revisions + 1
        last_successful = pointed_directory(self._host.layout.last_successful(specification.group_id))
        if last_successful is not None:  # never removed: the next ApplicationStop needs its scripts
            others = [entry for entry in others if entry != self._host.layout.machine(last_successful)]
        for entry in sorted(others, key=lambda path: path.stat().st_mtime_ns)[: max(0, surplus)]:
            remove_tree(entry)

    def _point(self, pointer: Path, specification: DeploymentSpecification) -> None:
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_text(self._host_directory(specification))

    def _host_directory(self, specification: DeploymentSpecification) -> str:
        return deployment_directory(specification.group_id, specification.deployment_id)

    def _directory(self, specification: DeploymentSpecification) -> Path:
        return self._host.layout.machine(self._host_directory(specification))
