"""From settings to what measures checks: the part of `assembly` about gates. Checkers are made when first asked for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from deliverkit.domain.gate import CheckKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from deliverkit.adapters.aws.session import Aws
    from deliverkit.build_ports import BuildServer
    from deliverkit.check_ports import Checker
    from deliverkit.domain.release import Release
    from deliverkit.domain.trust import Finding
    from deliverkit.ports import Clock, Deployer, ReleaseStore


class Checkers:
    """The checker of each kind, one for each process, so that what they keep open is shared by all gates."""

    def __init__(self, makers: Mapping[str, Callable[[], Checker]]) -> None:
        """Take how the checker of each kind is made."""
        self._makers = makers
        self._made: dict[str, Checker] = {}

    def __call__(self, kind: str) -> Checker:
        """The checker of a kind.

        Raises:
            LookupError: If nobody knows the kind; the message lists those that are known.
        """
        if kind not in self._makers:
            raise LookupError(f"nobody can measure checks of kind {kind}; known are {', '.join(sorted(self._makers))}")
        if kind not in self._made:
            self._made[kind] = self._makers[kind]()
        return self._made[kind]


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

    makers = _Makers(aws, deployers, jenkins, clock, releases, verify)
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
        }
    )


class _Makers:
    """Makes checkers; a room is imported when the first gate needs it."""

    def __init__(
        self,
        aws: Aws,
        deployers: Callable[[str], Deployer],
        jenkins: Callable[[], BuildServer],
        clock: Clock,
        releases: Callable[[], ReleaseStore],
        verify: Callable[[Release], Iterable[Finding]],
    ) -> None:
        self._aws = aws
        self._deployers = deployers
        self._jenkins = jenkins
        self._clock = clock
        self._releases = releases
        self._verify = verify

    def alarm(self) -> Checker:
        from deliverkit.adapters.aws.cloudwatch import AlarmCheck  # noqa: PLC0415

        return AlarmCheck(self._aws, self._clock)

    def metrics(self) -> Checker:
        from deliverkit.adapters.aws.metric_data import CloudWatchMetrics  # noqa: PLC0415
        from deliverkit.engine.metric_gates import MetricChecker  # noqa: PLC0415

        return MetricChecker(CloudWatchMetrics(self._aws, self._clock), self._clock)

    def logs(self) -> Checker:
        from deliverkit.adapters.aws.logs_insights import LogsCheck  # noqa: PLC0415

        return LogsCheck(self._aws, self._clock)

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

        return LambdaCheck(self._aws, self._clock)

    def drift(self) -> Checker:
        from deliverkit.adapters.aws.drift import DriftCheck  # noqa: PLC0415

        return DriftCheck(self._aws, self._clock)

    def vulnerabilities(self) -> Checker:
        from deliverkit.adapters.aws.vulnerabilities import VulnerabilityCheck  # noqa: PLC0415

        return VulnerabilityCheck(self._aws, self._deployers, self._clock)

    def signature(self) -> Checker:
        from deliverkit.engine.signature_gate import SignatureCheck  # noqa: PLC0415

        return SignatureCheck(self._releases, self._verify, clock=self._clock)

    def certificate(self) -> Checker:
        from deliverkit.adapters.aws.certificates import CertificateCheck  # noqa: PLC0415
        from deliverkit.adapters.served_certificate import ServedCertificates  # noqa: PLC0415

        return CertificateCheck(self._aws, self._clock, served=ServedCertificates(self._deployers).look)
