"""A rehearsal: a sandbox of its own, an earlier build that serves, faults, and the project's own promotion."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from deliverkit.adapters.aws.codedeploy import CodeDeploy
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.adapters.clock import Stopwatch
from deliverkit.adapters.http import UrlTextSource
from deliverkit.app import check_build, check_environments, open_delivery, seed_sandbox
from deliverkit.config import find, load
from deliverkit.delivery import Delivery
from deliverkit.domain.release import Release
from deliverkit.errors import ConflictError, ExitCode
from deliverkit.rehearsing.adjusting import for_rehearsal
from deliverkit.rehearsing.customers import Customers
from deliverkit.rehearsing.earlier_build import make_earlier_build
from deliverkit.rehearsing.fault_file import FaultScript
from deliverkit.rehearsing.performance import Company, Performance, Tell
from deliverkit.rehearsing.report import Report
from deliverkit.rehearsing.striking import Struck, whom_they_struck
from deliverkit.rehearsing.targets import Place, Targets
from deliverkit.sandboxing import ask_sandbox, start_sandbox, stop_sandbox

PREFIX = "deliverkit-rehearsal-"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is rehearsed.

    Attributes:
        config: Path of deliverkit.yml.
        environment: Where to; the last environment of the file when empty.
        faults: Name or path of the fault file, for the report.
        script: What it says.
        instances: Instances by environment; the empty name stands for all others.
        before: An earlier build; None to make one of the present build.
        region: The region in use.
        timeout: Longest time for one promotion.
        longest_bake: Bake times are cut to this.
    """

    config: Path
    environment: str
    faults: str
    script: FaultScript
    instances: Mapping[str, int]
    before: Path | None
    region: str
    timeout: timedelta
    longest_bake: timedelta


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told.

    Attributes:
        say: Hears a line about what is done.
        hear: Hears every event of every promotion.
        enter: Is given the sandbox once it serves, to point the process's own environment at it.
    """

    say: Callable[[str], None]
    hear: Tell
    enter: Callable[[Any], None]


def configuration(named: Path | None) -> Path:
    """The configuration to rehearse: the one that was named, or the one that holds for the current folder.

    Raises:
        UsageError: If there is none.
    """
    return (named or find(Path.cwd())).absolute()


def rehearse(wish: Wish, audience: Audience, environ: Mapping[str, str]) -> Report:
    """Carry the promotion out under the faults; the sandbox is gone afterwards, however it ends.

    Raises:
        UsageError: If the configuration, the build or the faults are wrong.
        ConflictError: If the earlier build does not get through in fair weather.
        UnreachableError: If the sandbox does not start.
    """
    _check(wish)
    with ExitStack() as stack:
        place = Path(stack.enter_context(_directory()))
        running = stack.enter_context(_sandbox(place / "sandbox", wish.region))
        audience.enter(running)
        audience.say(f"a sandbox of its own serves at {running.endpoint}")
        return _Rehearsal(wish, audience, environ, place, running).run()


def _check(wish: Wish) -> None:
    """Tell what is missing before a sandbox is made for it."""
    named = (wish.environment, *wish.instances)
    check_environments(wish.config, [name for name in named if name])
    for build in (None, wish.before) if wish.before else (None,):
        check_build(build, config=wish.config).refuse_errors()


@contextmanager
def _directory() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix=PREFIX)
    try:
        yield path
    finally:
        # Processes that were killed a moment ago may still be closing files there.
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _sandbox(state_dir: Path, region: str) -> Iterator[Any]:
    try:
        yield start_sandbox(state_dir, port=None, region=region)
    finally:
        stop_sandbox(state_dir)


class _Rehearsal:
    """One rehearsal on a sandbox that serves."""

    def __init__(self, wish: Wish, audience: Audience, environ: Mapping[str, str], place: Path, running: Any) -> None:
        self._wish = wish
        self._audience = audience
        self._environ = environ
        self._place = place
        self._state_dir = Path(running.state_dir)
        self._endpoint = str(running.endpoint)

    def run(self) -> Report:
        for line in seed_sandbox(
            self._wish.config, state_dir=self._state_dir, region=self._wish.region, instances=self._wish.instances
        ):
            self._audience.say(f"made {line}")
        delivery = self._open()
        chain = _chain(delivery, self._wish.environment)
        release = delivery.package().release
        before = self._package_before(release)
        company = self._company(delivery, chain)
        targets = self._targets(delivery)
        # A pipeline carries the release through the environments before by itself.
        goals = chain[-1:] if delivery.blueprint.pipeline else chain
        self._begin_with(before, company, goals)
        with Customers(targets.urls(chain, before), UrlTextSource()) as customers:
            places = targets.places(chain)
            performance, seconds = self._under_faults(release, company, goals, among=list(places))
            struck, retries = self._struck(places, performance)
            afterwards = self._in_fair_weather(company, performance)
        return Report(
            faults=self._wish.faults,
            seed=self._wish.script.seed,
            version=release.version,
            before=before.version,
            performance=performance,
            afterwards=afterwards,
            seconds=seconds,
            struck=struck,
            retries=retries,
            services=customers.services,
            standings=targets.standings(chain),
        )

    # --- before -------------------------------------------------------------------------------------

    def _open(self, *, version: str = "", profile: str | None = None) -> Delivery:
        return open_delivery(
            self._wish.config,
            profile=profile,
            region=self._wish.region,
            endpoint_url=self._endpoint,
            environ=self._environ,
            adjust=for_rehearsal(longest_bake=self._wish.longest_bake, version=version),
        )

    def _package_before(self, release: Release) -> Release:
        if self._wish.before is not None:
            return self._open(version=f"{release.version}-before").package(self._wish.before).release
        build = load(self._wish.config).release.bundle.path
        earlier = make_earlier_build(build, self._place / "before", release.version)
        return self._open(version=earlier).package(self._place / "before").release

    def _company(self, delivery: Delivery, chain: list[str]) -> Company:
        approvals = [delivery.blueprint.environment(name).approvals for name in chain]
        needed = max((each.needed for each in approvals if each is not None), default=0)
        approvers = [self._open(profile=_approver(number)) for number in range(1, needed + 1)]
        return Company(delivery, approvers, self._audience.hear, self._wish.timeout)

    def _targets(self, delivery: Delivery) -> Targets:
        aws = Aws(Account(region=self._wish.region, endpoint_url=self._endpoint))
        return Targets(delivery, cache(lambda region: CodeDeploy(aws, region)), UrlTextSource())

    def _begin_with(self, before: Release, company: Company, goals: list[str]) -> None:
        self._audience.say(f"fair weather: {before.version} goes first, so that there is something to go back to")
        began = company.perform(before.version, goals)
        if began.exit_code != ExitCode.DONE:
            last = began.rollouts[-1] if began.rollouts else None
            reason = began.trouble or (last.reason if last else "") or "it waits"
            message = f"the earlier build {before.version} does not get through in fair weather: {reason}"
            raise ConflictError(message, hint="deliverkit rehearse --before PATH takes a build that does")

    # --- the promotion ------------------------------------------------------------------------------

    def _under_faults(
        self, release: Release, company: Company, goals: list[str], *, among: list[str]
    ) -> tuple[Performance, float]:
        script = self._wish.script.in_region(self._wish.region)
        self._ask("POST", "faults", {"seed": script.seed, "faults": list(script.faults), "among": among})
        self._audience.say(f"faults of {self._wish.faults}, seed {script.seed}: {release.version} is promoted")
        watch = Stopwatch()
        performance = company.perform(release.version, goals)
        return performance, watch.seconds()

    def _struck(
        self, places: Mapping[str, Place], performance: Performance
    ) -> tuple[tuple[Struck, ...], Mapping[str, int]]:
        faults, told = self._ask("GET", "faults")["faults"], self._ask("GET", "faults/strikes")
        return whom_they_struck(faults, told["strikes"], places, performance.stages), told["retries"]

    def _in_fair_weather(self, company: Company, performance: Performance) -> Performance | None:
        self._ask("POST", "faults/clear", {})
        unfinished = company.unfinished(performance)
        if unfinished is None:
            return None
        self._audience.say(f"fair weather again: {unfinished} is resumed")
        afterwards = Performance()
        company.carry(unfinished, afterwards)
        return afterwards

    def _ask(self, method: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return ask_sandbox(self._state_dir, method, path, params)


def _chain(delivery: Delivery, environment: str) -> list[str]:
    """The environment and all its predecessors, the first one first."""
    blueprint = delivery.blueprint
    name: str | None = environment or list(blueprint.environments)[-1]
    chain: list[str] = []
    while name is not None:
        chain.insert(0, name)
        name = blueprint.environment(name).predecessor
    return chain


def _approver(number: int) -> str:
    return "approver" if number == 1 else f"approver-{number}"
