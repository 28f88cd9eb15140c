"""The composition root: settings become objects here, and nowhere else is everybody known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.assembly import Assembly, blueprint_of
from deliverkit.config import Settings, find, load, load_gates
from deliverkit.delivery import Delivery, PackagingChoices
from deliverkit.domain.foreign import ask_also
from deliverkit.errors import UnreachableError, UsageError
from deliverkit.recipe_assembly import recipe_of
from deliverkit.sandboxing import find_sandbox

if TYPE_CHECKING:
    from deliverkit.adapters.aws.hosts import Host, Hosts
    from deliverkit.domain.checks import Assessor
    from deliverkit.domain.gate import Gate
    from deliverkit.domain.trust import Finding
    from deliverkit.engine.blueprint import Blueprint
    from deliverkit.engine.working import Worker
    from deliverkit.packaging.package import Bundle
    from deliverkit.packaging.report import Report
    from deliverkit.pipeline_assembly import PipelineDesk
    from deliverkit.worker_assembly import WorkerChoices

_SANDBOX_KEY = "sandbox"


def open_delivery(
    config: Path | str | None = None,
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    sandbox_state_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
    adjust: Callable[[Settings], Settings] | None = None,
) -> Delivery:
    """The delivery that a configuration file describes, ready to package and promote.

    Args:
        config: Path of deliverkit.yml; by default it is looked for here and in the folders above.
        profile: AWS profile; by default botocore's own rules apply.
        region: AWS region; by default botocore's own rules apply.
        endpoint_url: Endpoint of every AWS service, instead of AWS's own.
        sandbox_state_dir: Use the sandbox that keeps its state there.
        environ: Environment variables that the configuration may read; none by default.
        adjust: Changes the settings once they are read.

    Raises:
        UsageError: If there is no configuration, or it is wrong; all its problems are named at once.
        UnreachableError: If the sandbox does not run. AWS is first contacted by what the delivery is then asked for.
    """
    settings = load(_config_path(config))
    settings = adjust(settings) if adjust else settings
    environ = environ or {}
    aws = Aws(_account(profile, region, endpoint_url, sandbox_state_dir))
    return Delivery(Assembly(settings, aws, environ))


def verify_release(
    version: str,
    config: Path | None = None,
    *,
    is_rebuilt: bool = False,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    sandbox_state_dir: Path | None = None,
) -> Iterator[Finding]:
    """Check a release, one finding after the other: bundle, content, signature, statement, source, SBOM.

    Args:
        version: The release.
        config: Path of deliverkit.yml; by default it is looked for here and in the folders above.
        is_rebuilt: Build the recorded commit again and compare, too.
        profile: AWS profile.
        region: AWS region.
        endpoint_url: Endpoint of every AWS service, instead of AWS's own.
        sandbox_state_dir: Use the sandbox that keeps its state there.

    Raises:
        NotFoundError: If there is no such release, or what it was built from is not here.
        UnreachableError: If the store or a key's keeper does not answer or denies the request.
    """
    from deliverkit.release_assembly import verified  # noqa: PLC0415

    settings = load(_config_path(config))
    aws = Aws(_account(profile, region, endpoint_url, sandbox_state_dir))
    delivery = Delivery(Assembly(settings, aws, {}))
    recipe = recipe_of(settings, {}) if is_rebuilt else None
    yield from verified(delivery.release(version), settings, aws, releases=delivery.releases, recipe=recipe)


def open_pipeline(
    config: Path | None = None,
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    sandbox_state_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> PipelineDesk:
    """The pipeline that a configuration names, with its declaration, ready to plan and apply.

    Args:
        config: Path of deliverkit.yml; by default it is looked for here and in the folders above.
        profile: AWS profile.
        region: AWS region.
        endpoint_url: Endpoint of every AWS service, instead of AWS's own.
        sandbox_state_dir: Use the sandbox that keeps its state there.
        environ: Environment variables; JENKINS_URL may be among them.

    Raises:
        UsageError: If the configuration or the declaration is missing or wrong, each problem with its place.
        UnreachableError: If the sandbox does not run.
    """
    from deliverkit.adapters.aws.pipeline_definitions import PipelineDefinitions  # noqa: PLC0415
    from deliverkit.pipeline_assembly import PipelineDesk  # noqa: PLC0415

    settings = load(_config_path(config))
    aws = Aws(_account(profile, region, endpoint_url, sandbox_state_dir))
    server = settings.jenkins.url or (environ or {}).get("JENKINS_URL", "")
    return PipelineDesk(
        settings, PipelineDefinitions(aws, aws.region), server=f"{server.rstrip('/')}/" if server else ""
    )


def open_worker(
    choices: WorkerChoices,
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    sandbox_state_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
    tell: Callable[[str], None],
) -> Worker:
    """A worker for the jobs of a custom action type; it needs no configuration file.

    Args:
        choices: What it is to do.
        profile: AWS profile.
        region: AWS region.
        endpoint_url: Endpoint of every AWS service, instead of AWS's own.
        sandbox_state_dir: Use the sandbox that keeps its state there.
        environ: Environment variables that its command inherits; none by default.
        tell: Takes a line for people at every change.

    Raises:
        LockedError: If another worker keeps its records in the same directory.
        UsageError: If the directory cannot be used.
        UnreachableError: If the sandbox does not run.
    """
    from deliverkit.worker_assembly import assemble_worker  # noqa: PLC0415

    return assemble_worker(choices, _account(profile, region, endpoint_url, sandbox_state_dir), environ or {}, tell)


# --- packaging without AWS -------------------------------------------------------------------------


def check_build(
    path: Path | None = None, *, choices: PackagingChoices | None = None, config: Path | None = None
) -> Report:
    """Everything that there is to say about a build and its appspec, errors too; needs no AWS.

    Raises:
        UsageError: If the configuration is wrong.
    """
    return recipe_of(load(_config_path(config)), {}).check(path, choices)


def require_build(path: Path | None, *, environ: Mapping[str, str], config: Path | None = None) -> None:
    """See that there is a build directory and that it has a version, before AWS is asked for anything.

    Raises:
        UsageError: If there is none, or the configuration is wrong.
        DeliverkitError: If git cannot tell the version.
    """
    recipe = recipe_of(load(_config_path(config)), environ)
    recipe.version(recipe.existing(path))


def check_environments(config: Path | None, names: Iterable[str]) -> None:
    """See that a configuration has the environments that are named; needs no AWS.

    Raises:
        UsageError: If one is missing, or the configuration is wrong.
    """
    blueprint = configured(config)
    for name in names:
        blueprint.environment(name)


def configured(config: Path | None) -> Blueprint:
    """The environments and gates of a configuration; needs no AWS.

    Raises:
        UsageError: If there is no configuration, or it is wrong.
    """
    return blueprint_of(load(_config_path(config)), region="")


def read_gates(path: Path) -> Mapping[str, Gate]:
    """The gates of a configuration, or of a file that has nothing but `gates`; needs no AWS.

    Raises:
        UsageError: If the file cannot be read or is wrong, each problem with its place.
    """
    return load_gates(path)


def write_bundle(
    path: Path | None, *, destination: Path, choices: PackagingChoices | None = None, config: Path | None = None
) -> Bundle:
    """Write only the bundle; needs no AWS.

    Raises:
        UsageError: If the build cannot be packaged.
    """
    return recipe_of(load(_config_path(config)), {}).bundle(path, destination, choices or PackagingChoices())


def pour_bundle(
    path: Path | None,
    *,
    write: Callable[[bytes], object],
    choices: PackagingChoices | None = None,
    config: Path | None = None,
) -> Bundle:
    """Give the bundle's bytes away as they are made; needs no AWS and writes no file.

    Raises:
        UsageError: If the build cannot be packaged.
    """
    return recipe_of(load(_config_path(config)), {}).pour(path, write, choices or PackagingChoices())


# --- the sandbox -----------------------------------------------------------------------------------


def seed_sandbox(
    config: Path | str | None, *, state_dir: Path, region: str | None, instances: Mapping[str, int]
) -> Iterator[str]:
    """Make, in the running sandbox, what a configuration expects to find in AWS; tells each thing it made.

    Raises:
        UsageError: If the configuration or the pipeline's declaration is wrong.
        UnreachableError: If no sandbox runs.
    """
    from deliverkit.adapters.aws.seed import Needs, Seeder  # noqa: PLC0415

    settings = load(_config_path(config))
    aws = Aws(_account(None, region, None, state_dir))
    blueprint = blueprint_of(settings, aws.region)
    for name in instances:
        if name:
            blueprint.environment(name)
    needs = Needs(
        bucket=settings.release.store.bucket,
        is_locked=bool(settings.release.retention.mode),
        region=aws.region,
        environments=tuple(blueprint.environments.values()),
        pipeline=_pipeline_declaration(settings),
        instances=instances,
        copies={region: place.bucket for region, place in settings.release.replicas.items()},
        aliases=_key_aliases(settings),
    )
    yield from Seeder(aws, credentials_file=credentials_file(state_dir)).seed(needs)


def _key_aliases(settings: Settings) -> tuple[str, ...]:
    """Aliases of the KMS keys that the configuration names; ids and ARNs name keys of other accounts, or none here."""
    release = settings.release
    keys = (*((release.sign,) if release.sign else ()), *(release.trust.keys if release.trust else ()))
    named = (key.text.removeprefix("kms://") for key in keys if key.path is None)
    return tuple(dict.fromkeys(name for name in named if name.startswith("alias/")))


def sandbox_hosts(state_dir: Path, region: str | None) -> Hosts:
    """The instances of the running sandbox.

    Raises:
        UnreachableError: If no sandbox runs.
    """
    from deliverkit.adapters.aws.hosts import Hosts  # noqa: PLC0415

    account = _account(None, region, None, state_dir)
    aws = Aws(account)
    return Hosts(aws, aws.region, str(account.endpoint_url))


def remove_sandbox_host(hosts: Hosts, name: str) -> Host:
    """Remove the one instance of that name or id.

    Raises:
        UsageError: If there is none, or more than one.
    """
    found = [host for host in hosts.list() if name in (host.name, host.id)]
    if len(found) != 1:
        told = "no instance is" if not found else f"{len(found)} instances are"
        raise UsageError(f"{told} called {name}", hint="deliverkit sandbox instance list")
    hosts.remove(found[0])
    return found[0]


def credentials_file(state_dir: Path) -> Path:
    """The shared credentials file with the profiles of the people that seeding made."""
    return state_dir / "credentials"


def scaffold(directory: Path) -> Iterator[tuple[Path, bool]]:
    """Write the files that a delivery needs and that are missing; tells each path and whether it was written."""
    from deliverkit.config.scaffold import write_missing  # noqa: PLC0415

    yield from write_missing(directory)


# --- from settings to objects ----------------------------------------------------------------------


def _pipeline_declaration(settings: Settings) -> Mapping[str, Any] | None:
    if settings.pipeline is None or settings.pipeline.file is None:
        return None
    from deliverkit.config import load_mapping  # noqa: PLC0415

    return load_mapping(settings.pipeline.file)


# --- where to connect ------------------------------------------------------------------------------


def _config_path(config: Path | str | None) -> Path:
    return Path(config) if config is not None else find(Path.cwd())


def configuration_folder(config: Path | None) -> Path:
    """The folder that paths in deliverkit.yml are relative to; where there is none yet, the one we are in."""
    try:
        return _config_path(config).resolve().parent
    except UsageError:
        return Path.cwd()


def _account(
    profile: str | None, region: str | None, endpoint_url: str | None, sandbox_state_dir: Path | None
) -> Account:
    if sandbox_state_dir is None:
        return Account(profile=profile, region=region, endpoint_url=endpoint_url)
    running = find_sandbox(sandbox_state_dir)
    if running is None:
        raise UnreachableError(f"no sandbox runs in {sandbox_state_dir}", hint="deliverkit sandbox up")
    key = None if profile else _SANDBOX_KEY
    return Account(
        profile,
        region or running.region,
        running.endpoint,
        access_key_id=key,
        secret_access_key=key,
        credentials_file=credentials_file(sandbox_state_dir),
    )


def _of_plugins(kind: str) -> tuple[Assessor, bool] | None:
    """What assesses checks of a plug-in's kind; packages are looked through only when there are such checks."""
    from deliverkit.check_plugins import assessor_of  # noqa: PLC0415

    return assessor_of(kind)


# Measurements are judged wherever ledgers are read, and nobody who judges knows plug-ins: they are pointed out here.
ask_also(_of_plugins)
