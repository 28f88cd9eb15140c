"""From settings to what measures checks: the part of `assembly` about gates. Checkers are made when first asked for."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from deliverkit.domain.gate import CheckKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from deliverkit.adapters.aws.session import Aws
    from deliverkit.build_ports import BuildServer
    from deliverkit.check_ports import Checker
    from deliverkit.domain.masking import Masking
    from deliverkit.domain.release import Release
    from deliverkit.domain.trust import Finding
    from deliverkit.ports import Clock, Deployer, ReleaseStore


class Checkers:
    """The checker of each kind, one for each run, so that what they keep open is shared by all its gates."""

    def __init__(
        self, makers: Mapping[str, Callable[[], Checker]], plugged: Callable[[str], Checker | None] = lambda _: None
    ) -> None:
        """Take how the checker of each kind is made, and what makes one for the kind of a plug-in."""
        self._makers = makers
        self._plugged = plugged
        self._made: dict[str, Checker] = {}

    def __call__(self, kind: str) -> Checker:
        """The checker of a kind.

        Raises:
            LookupError: If nobody knows the kind; the message lists those that are known.
        """
        if kind not in self._made:
            made = self._makers[kind]() if kind in self._makers else self._plugged(kind)
            if made is None:
                raise LookupError(self._unknown(kind))
            self._made[kind] = made
        return self._made[kind]

    def _unknown(self, kind: str) -> str:
        from deliverkit.check_plugins import installed_kinds  # noqa: PLC0415

        known = sorted({*self._makers, *installed_kinds()})
        return f"nobody can measure checks of kind {kind}; known are {', '.join(known)}"


def plugged(kind: str, *, clock: Clock, environ: Mapping[str, str]) -> Checker | None:
    """The checker of a kind that an installed plug-in adds; None when there is none.

    Raises:
        LookupError: If the plug-in cannot be used.
    """
    from deliverkit.adapters.plugins import PluginCheck  # noqa: PLC0415
    from deliverkit.check_plugins import PluginError, find  # noqa: PLC0415

    try:
        plugin = find(kind)
    except PluginError as error:
        raise LookupError(str(error)) from error
    if plugin is None:
        return None
    own = plugin.implementation
    return PluginCheck(own.observe, label=plugin.label, timeout=own.timeout, clock=clock, environ=environ)


def checkers_of(
    aws: Aws,
    deployers: Callable[[str], Deployer],
    jenkins: Callable[[], BuildServer],
    clock: Clock,
    *,
    environ: Mapping[str, str],
    folder: Path,
    releases: Callable[[], ReleaseStore],
    verify: Callable[[Release], Iterable[Finding]],
) -> Checkers:
    """The checkers of all kinds.

    Args:
        aws: The session.
        deployers: The way to a region's deployer, which knows the targets.
        jenkins: The way to the build server, which is not gone before a gate asks for it.
        clock: Everybody's time.
        environ: Variables of the environment.
        folder: Where the configuration lies, which files in it are relative to.
        releases: The way to the store of releases.
        verify: What `deliverkit release verify` does.
    """
    from deliverkit.adapters.web_checks import makers as web  # noqa: PLC0415

    makers = _Makers(aws, deployers, jenkins, clock, environ, folder, releases, verify)
    # One for all kinds that read metrics, so that they ask together.
    metrics = cache(makers.metrics)
    return Checkers(
        {
            **web(deployers, clock=clock, environ=environ, folder=folder),
            CheckKind.ALARM: makers.alarm,
            CheckKind.METRIC: metrics,
            CheckKind.BURN_RATE: metrics,
            CheckKind.COMPARE: metrics,
            CheckKind.LOGS: makers.logs,
            CheckKind.JENKINS: makers.jenkins,
            CheckKind.TARGETS: makers.targets,
            CheckKind.LOAD_BALANCER: makers.load_balancer,
            CheckKind.LAMBDA: makers.function,
            CheckKind.DRIFT: makers.drift,
            CheckKind.VULNERABILITIES: makers.vulnerabilities,
            CheckKind.SIGNATURE: makers.signature,
            CheckKind.CERTIFICATE: makers.certificate,
        },
        partial(plugged, clock=clock, environ=environ),
    )


class _Makers:
    """Makes checkers; a room is imported when the first gate needs it."""

    def __init__(
        self,
        aws: Aws,
        deployers: Callable[[str], Deployer],
        jenkins: Callable[[], BuildServer],
        clock: Clock,
        environ: Mapping[str, str],
        folder: Path,
        releases: Callable[[], ReleaseStore],
        verify: Callable[[Release], Iterable[Finding]],
    ) -> None:
        self._aws = aws
        self._deployers = deployers
        self._jenkins = jenkins
        self._clock = clock
        self._environ = environ
        self._folder = folder
        self._releases = releases
        self._verify = verify

    @property
    def _masking(self) -> Masking:
        from deliverkit.domain.masking import Masking, credentials_among  # noqa: PLC0415

        return Masking(credentials_among(self._environ))

    def alarm(self) -> Checker:
        from deliverkit.adapters.aws.cloudwatch import AlarmCheck  # noqa: PLC0415

        return AlarmCheck(self._aws, self._clock)

    def metrics(self) -> Checker:
        from deliverkit.adapters.aws.metric_data import CloudWatchMetrics  # noqa: PLC0415
        from deliverkit.engine.metric_gates import MetricChecker  # noqa: PLC0415

        return MetricChecker(CloudWatchMetrics(self._aws, self._clock), self._clock)

    def logs(self) -> Checker:
        from deliverkit.adapters.aws.logs_insights import LogsCheck  # noqa: PLC0415

        return LogsCheck(self._aws, self._clock, masking=self._masking)

    def jenkins(self) -> Checker:
        from deliverkit.engine.build_gate import BuildCheck  # noqa: PLC0415

        return BuildCheck(self._jenkins, clock=self._clock)

    def targets(self) -> Checker:
        from deliverkit.adapters.aws.targets import TargetsCheck  # noqa: PLC0415

        return TargetsCheck(self._aws, self._deployers, self._clock)

    def load_balancer(self) -> Checker:
        from deliverkit.adapters.aws.load_balancing import LoadBalancerCheck  # noqa: PLC0415

        return LoadBalancerCheck(self._aws, self._clock)

    def function(self) -> Checker:
        from deliverkit.adapters.aws.lambda_invocation import LambdaCheck  # noqa: PLC0415

        return LambdaCheck(self._aws, self._clock, masking=self._masking)

    def drift(self) -> Checker:
        from deliverkit.adapters.aws.drift import DriftCheck  # noqa: PLC0415

        return DriftCheck(self._aws, self._clock, hide=self._masking.hide)

    def vulnerabilities(self) -> Checker:
        from deliverkit.adapters.aws.vulnerabilities import VulnerabilityCheck  # noqa: PLC0415

        return VulnerabilityCheck(self._aws, self._deployers, self._clock)

    def signature(self) -> Checker:
        from deliverkit.engine.signature_gate import SignatureCheck  # noqa: PLC0415

        return SignatureCheck(self._releases, self._verify, clock=self._clock)

    def certificate(self) -> Checker:
        from deliverkit.adapters.aws.certificates import CertificateCheck  # noqa: PLC0415
        from deliverkit.adapters.served_certificate import ServedCertificates  # noqa: PLC0415

        served = ServedCertificates(self._deployers, folder=self._folder)
        return CertificateCheck(self._aws, self._clock, served=served)
