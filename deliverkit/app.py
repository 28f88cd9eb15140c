"""The composition root: settings become objects here, and nowhere else is everybody known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.adapters.clock import FollowingClock, SystemClock
from deliverkit.config import Settings, find, load
from deliverkit.delivery import Delivery
from deliverkit.domain.environment import Environment
from deliverkit.domain.gate import GateKind
from deliverkit.domain.plan import DriveKind, Plan
from deliverkit.domain.trust import Finding
from deliverkit.engine.carrier import Carrier
from deliverkit.engine.direct import DirectCarrier
from deliverkit.engine.executor import Executor
from deliverkit.engine.journal import Journal
from deliverkit.engine.measuring import Gatekeeper
from deliverkit.engine.planner import Blueprint, Planner
from deliverkit.engine.preflight import Preflight
from deliverkit.engine.promotions import Promotions
from deliverkit.engine.runner import Pace
from deliverkit.engine.through_pipeline import PipelineCarrier
from deliverkit.engine.verifying import Witness
from deliverkit.errors import UnreachableError, UsageError
from deliverkit.ports import Check, Clock, Deployer, Ledger, LockService, PipelineService
from deliverkit.release_assembly import packager_for, recipe_for, trust_for, verifier_for
from deliverkit.sandboxing import clock_at, find_sandbox

if TYPE_CHECKING:
    from deliverkit.adapters.aws.hosts import Host, Hosts

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
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
        profile: AWS profile; by default boto3's own rules apply.
        region: AWS region; by default boto3's own rules apply.
        endpoint_url: Endpoint of every AWS service, instead of AWS's own.
        sandbox_state_dir: Use the sandbox that keeps its state there.
        environ: Environment variables that the configuration may read; none by default.
        adjust: Changes the settings once they are read.

    Raises:
        UsageError: If there is no configuration, or it is wrong; all its problems are named at once.
        UnreachableError: If the sandbox does not run, AWS does not answer, or there are no credentials.
    """
    settings = load(_config_path(config))
    settings = adjust(settings) if adjust else settings
    environ = environ or {}
    aws = Aws(_account(profile, region, endpoint_url, sandbox_state_dir))
    return _Assembly(settings, aws, environ).delivery()


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
    from deliverkit.adapters.aws.releases import S3Releases  # noqa: PLC0415

    settings = load(_config_path(config))
    aws = Aws(_account(profile, region, endpoint_url, sandbox_state_dir))
    store = settings.release.store
    releases = S3Releases(aws, bucket=store.bucket, prefix=store.prefix)
    yield from verifier_for(settings, aws, releases)(releases.get(version), is_rebuilt)


# --- packaging without AWS -------------------------------------------------------------------------


def check_build(path: Path | None = None, *, config: Path | None = None) -> tuple[str, ...]:
    """The lint's warnings about a build and its appspec; needs no AWS.

    Raises:
        UsageError: If the build cannot be packaged, with every error.
    """
    return tuple(str(finding) for finding in recipe_for(load(_config_path(config)), {}).check(path))


def check_environments(config: Path | None, names: Iterable[str]) -> None:
    """See that a configuration has the environments that are named; needs no AWS.

    Raises:
        UsageError: If one is missing, or the configuration is wrong.
    """
    blueprint = _blueprint(load(_config_path(config)), region="")
    for name in names:
        blueprint.environment(name)


def write_bundle(path: Path | None, *, destination: Path, config: Path | None = None) -> Any:
    """Write only the bundle; needs no AWS.

    Raises:
        UsageError: If the build cannot be packaged.
    """
    return recipe_for(load(_config_path(config)), {}).bundle(path, destination)


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
    blueprint = _blueprint(settings, aws.region)
    for name in instances:
        if name:
            blueprint.environment(name)
    needs = Needs(
        bucket=settings.release.store.bucket,
        region=aws.region,
        environments=tuple(blueprint.environments.values()),
        pipeline=_pipeline_declaration(settings),
        instances=instances,
    )
    yield from Seeder(aws, credentials_file=credentials_file(state_dir)).seed(needs)


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


class _Assembly:
    """Puts one delivery together."""

    def __init__(self, settings: Settings, aws: Aws, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._aws = aws
        self._environ = environ
        self._clock, self._pace = _time_at(aws.endpoint)
        self._blueprint = _blueprint(settings, aws.region)
        self._trust = trust_for(settings, aws)
        # One deployer for each region and process: they share the session's connections.
        self._deployers: Callable[[str], Deployer] = cache(partial(_deployer, aws))

    def delivery(self) -> Delivery:
        """Everything, wired."""
        from deliverkit.adapters.aws.identity import StsIdentity  # noqa: PLC0415
        from deliverkit.adapters.aws.releases import S3Releases  # noqa: PLC0415
        from deliverkit.adapters.drivers import ProcessDrivers  # noqa: PLC0415

        store = self._settings.release.store
        releases = S3Releases(self._aws, bucket=store.bucket, prefix=store.prefix)
        identity = StsIdentity(self._aws).whoami()
        ledger, locks = _ledger_and_locks(self._settings, self._aws)
        journal = Journal(ledger, clock=self._clock, actor=identity.arn)
        planner = Planner(
            self._blueprint,
            pipelines=self._pipelines(),
            deployers=self._deployers,
            releases=releases,
            clock=self._clock,
            trust=self._trust,
        )
        promotions = Promotions(
            ledger=ledger,
            locks=locks,
            journal=journal,
            preflight=Preflight(locks=locks, releases=releases, clock=self._clock, trust=self._trust),
            executor_for=partial(self._executor, locks, journal),
            drivers=ProcessDrivers(),
            clock=self._clock,
            identity=identity,
            pace=self._pace,
        )
        packager = packager_for(
            self._settings, self._aws, self._environ, releases=releases, identity=identity, clock=self._clock
        )
        return Delivery(
            blueprint=self._blueprint,
            packager=packager,
            releases=releases,
            ledger=ledger,
            locks=locks,
            journal=journal,
            planner=planner,
            promotions=promotions,
            identity=identity,
            clock=self._clock,
        )

    def _executor(self, locks: LockService, journal: Journal, plan: Plan) -> Executor:
        from deliverkit.adapters.http import UrlTextSource  # noqa: PLC0415

        return Executor(
            carrier=self._carrier(plan),
            gatekeeper=Gatekeeper(self._checks()),
            witness=Witness(self._deployers, UrlTextSource()),
            journal=journal,
            locks=locks,
            clock=self._clock,
            trust=self._trust,
        )

    def _carrier(self, plan: Plan) -> Carrier:
        if plan.drive.kind is DriveKind.DIRECT:
            return DirectCarrier(self._deployers)
        return PipelineCarrier(self._pipelines(), self._deployers, plan.drive)

    def _pipelines(self) -> PipelineService:
        from deliverkit.adapters.aws.codepipeline import CodePipeline  # noqa: PLC0415

        return CodePipeline(self._aws, self._blueprint.pipeline_region)

    def _checks(self) -> Mapping[GateKind, Check]:
        from deliverkit.adapters.aws.cloudwatch import AlarmCheck  # noqa: PLC0415
        from deliverkit.adapters.aws.targets import TargetsCheck  # noqa: PLC0415
        from deliverkit.adapters.command import CommandCheck  # noqa: PLC0415
        from deliverkit.adapters.http import HttpCheck  # noqa: PLC0415

        return {
            GateKind.HTTP: HttpCheck(self._deployers, clock=self._clock),
            GateKind.ALARM: AlarmCheck(self._aws, self._clock),
            GateKind.COMMAND: CommandCheck(clock=self._clock),
            GateKind.TARGETS: TargetsCheck(self._aws, self._deployers, self._clock),
        }


def _deployer(aws: Aws, region: str) -> Deployer:
    from deliverkit.adapters.aws.codedeploy import CodeDeploy  # noqa: PLC0415

    return CodeDeploy(aws, region)


def _blueprint(settings: Settings, region: str) -> Blueprint:
    environments = (each if each.waves else _in_region(each, region) for each in settings.environments)
    return Blueprint(
        application=settings.application,
        environments={environment.name: environment for environment in environments},
        gates=settings.gates,
        pipeline=settings.pipeline.name if settings.pipeline else "",
        pipeline_region=region,
    )


def _in_region(environment: Environment, region: str) -> Environment:
    return replace(environment, waves=((region,),))


def _ledger_and_locks(settings: Settings, aws: Aws) -> tuple[Ledger, LockService]:
    place = settings.ledger
    if place.scheme == "sqlite":
        from deliverkit.adapters.ledger_sqlite import SqliteLedger  # noqa: PLC0415
        from deliverkit.adapters.locks_sqlite import SqliteLocks  # noqa: PLC0415

        return SqliteLedger(place.path), SqliteLocks(place.path)
    from deliverkit.adapters.aws.ledger_s3 import S3Ledger  # noqa: PLC0415
    from deliverkit.adapters.aws.locks_s3 import S3Locks  # noqa: PLC0415

    return S3Ledger(aws, bucket=place.bucket, prefix=place.prefix), S3Locks(
        aws, bucket=place.bucket, prefix=place.prefix
    )


def _pipeline_declaration(settings: Settings) -> Mapping[str, Any] | None:
    if settings.pipeline is None or settings.pipeline.file is None:
        return None
    from deliverkit.config import load_mapping  # noqa: PLC0415

    return load_mapping(settings.pipeline.file)


# --- where to connect ------------------------------------------------------------------------------


def _config_path(config: Path | str | None) -> Path:
    return Path(config) if config is not None else find(Path.cwd())


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


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def _time_at(endpoint: str) -> tuple[Clock, Pace]:
    """The clock that holds where we deliver to, and the pace to keep there."""
    if not _is_loopback(endpoint):
        return SystemClock(), Pace()
    # AWS's request quotas ask for patience (about one look every 5 s); a sandbox on this machine has none.
    look, patience = timedelta(milliseconds=500), timedelta(seconds=20)
    read = clock_at(endpoint)
    if read is None:
        return SystemClock(), Pace(look=look, patience=patience)
    # The sandbox's time may run faster than ours; what we ask of the machine stays what it is in real time.
    clock, usual = FollowingClock(read), Pace()
    speed = max(clock.speed, 1.0)
    return clock, Pace(look * speed, usual.lease * speed, patience * speed, usual.backoff_limit * speed)
