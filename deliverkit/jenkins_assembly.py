"""From addresses and variables to a Jenkins: a part of the composition root; needs no deliverkit.yml and no AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from deliverkit.adapters.jenkins import JenkinsServer
    from deliverkit.adapters.jenkins_connection import Connection
    from deliverkit.build_ports import BuildServer
    from deliverkit.domain.build import BuildRequest
    from deliverkit.domain.job_definition import JobDefinition
    from deliverkit.engine.building import Building, BuildPace
    from deliverkit.ports import Clock

URL, USER, TOKEN = "JENKINS_URL", "JENKINS_USER_ID", "JENKINS_API_TOKEN"
"""The variables that Jenkins' own command line reads, too."""


def open_jenkins(url: str | None, config: Path | None, environ: Mapping[str, str]) -> JenkinsServer:
    """The Jenkins that is meant, as the user that the environment names; nothing is contacted yet.

    Args:
        url: Its address; by default the configuration's `jenkins.url`, or else the variable JENKINS_URL.
        config: Path of deliverkit.yml; by default it is looked for here and in the folders above.
        environ: Environment variables.

    Raises:
        UsageError: If no address, user or token is given, the address is none, or the configuration is wrong.
    """
    from deliverkit.adapters.jenkins import JenkinsServer  # noqa: PLC0415

    return JenkinsServer(connection_to(url, config, environ))


def connection_to(
    url: str | None, config: Path | None, environ: Mapping[str, str], *, timeout: timedelta | None = None
) -> Connection:
    """The way to the Jenkins that is meant; nothing is contacted yet.

    Args:
        url: As for `open_jenkins`.
        config: As for `open_jenkins`.
        environ: As for `open_jenkins`.
        timeout: For one whole request; the usual one by default.

    Raises:
        UsageError: If no address, user or token is given, the address is none, or the configuration is wrong.
    """
    from deliverkit.adapters.jenkins_connection import TIMEOUT, Connection, Credentials  # noqa: PLC0415

    address = address_of(url, config, environ)
    missing = [name for name in (USER, TOKEN) if not environ.get(name, "").strip()]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: who asks {address}?",
            hint=f"export {USER}=NAME {TOKEN}=TOKEN; a token is made at {address}me/security; in a Jenkinsfile "
            "withCredentials sets them",
        )
    # A token that was read from a file ends with the file's newline.
    credentials = Credentials(environ[USER].strip(), environ[TOKEN].strip())
    return Connection(address, credentials, timeout=timeout or TIMEOUT)


def address_of(url: str | None, config: Path | None, environ: Mapping[str, str]) -> str:
    """The controller's address, with a slash at its end.

    Raises:
        UsageError: If there is none, it is none, or the configuration is wrong.
    """
    if url:
        return _checked(url, "--url")
    configured = _configured(config)
    if configured:
        return configured
    if environ.get(URL):
        return _checked(environ[URL], URL)
    raise UsageError(
        "no Jenkins is named", hint=f"--url https://jenkins.example.com/, or {URL}, or jenkins.url in deliverkit.yml"
    )


def read_job_files(directory: Path) -> tuple[JobDefinition, ...]:
    """The jobs and folders that a directory defines, folders before what lies in them.

    Raises:
        UsageError: If it defines nothing, or something in it cannot be used.
    """
    from deliverkit.adapters.job_files import read_definitions  # noqa: PLC0415

    return read_definitions(directory)


def building_of(
    server: BuildServer,
    request: BuildRequest,
    *,
    clock: Clock | None = None,
    pace: BuildPace | None = None,
    may_ask: bool = True,
) -> Building:
    """What asks for a build and follows it, by the machine's clock unless another one is given."""
    from deliverkit.adapters.clock import SystemClock  # noqa: PLC0415
    from deliverkit.engine.building import Building, BuildPace  # noqa: PLC0415

    return Building(server, request, clock=clock or SystemClock(), pace=pace or BuildPace(), may_ask=may_ask)


def _configured(config: Path | None) -> str:
    from deliverkit.config import find, load  # noqa: PLC0415

    if config is None:
        try:
            config = find(Path.cwd())
        except UsageError:
            return ""
    return load(config).jenkins.url


def _checked(url: str, name: str) -> str:
    from deliverkit.config.texts import server  # noqa: PLC0415

    try:
        return server(url.strip())
    except ValueError as error:
        raise UsageError(f"{name}: {error}", hint="https://jenkins.example.com/") from error
