"""The planner: reads, decides, writes nothing. What it returns is what the executor will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from deliverkit.attestation_ports import Trust
from deliverkit.domain.environment import Environment
from deliverkit.domain.pipeline import StageDeclaration
from deliverkit.domain.plan import Drive, DriveKind, Leftover, Leg, Plan, PlanKind, StageMap
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.engine.blueprint import Blueprint
from deliverkit.engine.journal import Estate, Served
from deliverkit.engine.replication import Replicas, missing_copies, revisions_in
from deliverkit.engine.stages import source_action, stage_of
from deliverkit.errors import ConflictError, NotFoundError, UsageError
from deliverkit.ports import Clock, Deployer, PipelineService, ReleaseStore


class Planner:
    """Computes plans by reading AWS and the journal."""

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        pipelines: PipelineService,
        deployers: Callable[[str], Deployer],
        releases: ReleaseStore,
        clock: Clock,
        replicas: Replicas | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Take the configured delivery and what it is read against.

        Without `replicas` no region has copies; without `trust` a release has nothing to prove.
        """
        self._blueprint = blueprint
        self._pipelines = pipelines
        self._deployers = deployers
        self._releases = releases
        self._clock = clock
        self._replicas = replicas
        self._trust = trust

    def promotion(self, release: Release, target: str, estate: Estate, *, requested_by: str) -> Plan:
        """The plan that brings a release into an environment.

        Raises:
            ConflictError: If the release has not passed the environment before.
            UsageError: If the pipeline cannot be driven truthfully.
            NotFoundError: If the pipeline or a deployment group does not exist.
            IntegrityError: If the release's signature or the source policy does not hold.
        """
        drive, legs = self._route(release, target, estate)
        evidence = self._trust.require(release, is_thorough=False) if self._trust else None
        plan = self._plan(PlanKind.PROMOTE, release, target, drive, legs, requested_by, estate)
        return replace(plan, evidence=evidence)

    def rollback(self, release: Release, target: str, estate: Estate, *, requested_by: str) -> Plan:
        """The plan that brings an environment back to an earlier release: directly, without approvals or order.

        Raises:
            NotFoundError: If a deployment group does not exist.
            IntegrityError: If the release never served there, and its signature or the source policy does not hold.
            UnreachableError: If something that must be read does not answer.
        """
        environment = self._blueprint.environment(target)
        # Whoever brings production back at night must not be held up by a window meant for new releases.
        legs = self._legs_of(environment, None, release, estate, is_way_back=True)
        drive = Drive(DriveKind.DIRECT)
        plan = self._plan(PlanKind.ROLLBACK, release, target, drive, legs, requested_by, estate)
        is_way_back = estate.has_served(target, release.bundle)
        evidence = self._trust.require(release, is_thorough=False) if self._trust and not is_way_back else None
        return replace(plan, evidence=evidence, is_way_back=is_way_back)

    # --- the route ---------------------------------------------------------------------------------

    def _route(self, release: Release, target: str, estate: Estate) -> tuple[Drive, list[Leg]]:
        path = self._blueprint.path_to(target)
        if not self._blueprint.pipeline:
            _require_passed(path[-1], release, estate)
            return Drive(DriveKind.DIRECT), self._legs_of(path[-1], None, release, estate)
        stages = self._pipelines.stages(self._blueprint.pipeline)
        mapped = [(environment, stage_of(environment, stages)) for environment in path]
        _require_mapped(self._blueprint.pipeline, mapped, release, estate)
        driven = [(environment, stage) for environment, stage in mapped if stage]
        execution, driven = self._going_on(release, driven, estate)
        _require_truthful(self._blueprint.pipeline, driven, is_first_entered=not execution)
        drive = self._drive(stages, execution, () if execution else self._leftovers(stages, estate))
        return drive, [
            leg for environment, stage in driven for leg in self._legs_of(environment, stage, release, estate)
        ]

    def _leftovers(self, stages: Sequence[StageDeclaration], estate: Estate) -> tuple[Leftover, ...]:
        """Executions that ended promotions left waiting in front of an environment; others are not ours to stop."""
        environments = ((each, stage_of(each, stages)) for each in self._blueprint.environments.values())
        entries = {
            name: each.name for each, stage in environments if stage for name in (stage.stage, stage.entry_stage)
        }
        found = []
        for waiting in self._pipelines.waiting(self._blueprint.pipeline):
            brought = estate.brought_by(waiting.execution_id)
            if waiting.stage in entries and brought and all(each.promotion in estate.endings for each in brought):
                version = brought[0].release.version
                found.append(Leftover(waiting.execution_id, entries[waiting.stage], version))
        return tuple(found)

    def _drive(self, stages: Sequence[StageDeclaration], execution: str, leftovers: tuple[Leftover, ...]) -> Drive:
        source = source_action(self._blueprint.pipeline, stages)
        name, region = self._blueprint.pipeline, self._blueprint.pipeline_region
        return Drive(DriveKind.PIPELINE, name, region, source.name, execution, leftovers)

    def _going_on(
        self, release: Release, driven: list[tuple[Environment, StageMap]], estate: Estate
    ) -> tuple[str, list[tuple[Environment, StageMap]]]:
        """The running execution that already brought this release part of the way, and what is left of the way."""
        for position in range(len(driven) - 1, 0, -1):
            served = estate.serving(driven[position - 1][0].name)
            if served and served.release.digest == release.digest and self._waits(served, driven[position][1]):
                return served.execution, driven[position:]
        return "", driven

    def _waits(self, served: Served, stage: StageMap) -> bool:
        if not served.execution or not stage.entry_action:
            return False
        try:
            report = self._pipelines.observe(self._blueprint.pipeline, served.execution)
        except NotFoundError:
            return False
        entry = (stage.entry_stage, stage.entry_action)
        return report.status == "InProgress" and any((a.stage, a.action) == entry and a.token for a in report.actions)

    # --- legs --------------------------------------------------------------------------------------

    def _legs_of(
        self,
        environment: Environment,
        stage: StageMap | None,
        release: Release,
        estate: Estate,
        *,
        is_way_back: bool = False,
    ) -> list[Leg]:
        # A stage's deploy actions move all regions together, so waves are a matter of the direct drive.
        regions = [region for wave in environment.waves for region in wave]
        waves = ((tuple(regions),)) if stage else environment.waves
        previous = estate.way_back(environment.name, release.digest)
        return [
            Leg(
                environment=environment.name,
                wave=number,
                regions=wave,
                application=environment.application,
                group=environment.group,
                strategy=environment.strategy,
                before=environment.before if number == 1 and not is_way_back else (),
                during=environment.during,
                after=environment.after,
                bake_time=environment.bake_time,
                on_failure=environment.on_failure,
                endpoint=environment.endpoint,
                window="" if is_way_back or number > 1 else environment.window,
                approvals=environment.approvals if number == 1 and not is_way_back else None,
                serves=environment.serves,
                stage=stage,
                previous=previous.release if previous else None,
                previous_execution=previous.execution if previous else "",
            )
            for number, wave in enumerate(waves, start=1)
        ]

    def _plan(
        self,
        kind: PlanKind,
        release: Release,
        target: str,
        drive: Drive,
        legs: Sequence[Leg],
        requested_by: str,
        estate: Estate,
    ) -> Plan:
        named = {name for leg in legs for name in (*leg.before, *leg.during, *leg.after)}
        gates = {name: gate for name, gate in self._blueprint.gates.items() if name in named}
        unsupported = sorted(named - set(gates))
        if unsupported:
            raise UsageError(f"this version cannot measure the gates {', '.join(unsupported)}")
        warnings = tuple(warning for leg in legs for warning in self._warnings(leg, estate))
        application, now = self._blueprint.application, self._clock.now()
        regions = [region for leg in legs for region in leg.regions]
        replicas = revisions_in(self._replicas, [release, *(leg.previous for leg in legs if leg.previous)], regions)
        plan = Plan(kind, application, target, release, drive, tuple(legs), gates, requested_by, now, replicas=replicas)
        missing = tuple(missing_copies(plan, self._replicas)) if self._replicas else ()
        return replace(plan, warnings=(*warnings, *missing))

    def _warnings(self, leg: Leg, estate: Estate) -> list[str]:
        warnings = []
        if leg.previous is None:
            warnings.append(
                f"{leg.label}: no earlier good release; a failure there cannot be rolled back (exit code 4)"
            )
        elif not self._releases.exists(leg.previous.bundle):
            warnings.append(f"{leg.label}: the bundle of {leg.previous.version}, the way back, is gone from the store")
        if leg.serves is None:
            warnings.append(f"{leg.label}: `serves` is not configured; only gates tell what instances serve")
        return [*warnings, *self._foreign_deployments(leg, estate)]

    def _foreign_deployments(self, leg: Leg, estate: Estate) -> list[str]:
        served = estate.serving(leg.environment)
        found = []
        for region in leg.regions:
            facts = self._deployers(region).group_facts(leg.application, leg.group)
            copies = revisions_in(self._replicas, [served.release], [region]) if served else {}
            ours = {f"s3://{each.bucket}/{each.key}" for each in _revisions_of(served, copies)}
            is_foreign = bool(facts.last_revision) and not served
            if is_foreign or (served and leg.stage is None and facts.last_revision not in {"", *ours}):
                found.append(f"{leg.label}: {region} runs {facts.last_revision}, which deliverkit did not deploy")
        return found


def _revisions_of(
    served: Served | None, copies: Mapping[str, Mapping[str, BundleRevision]]
) -> Iterator[BundleRevision]:
    """The store's own object version of what is served, and its copies."""
    if served:
        yield served.release.bundle
    for found in copies.values():
        yield from found.values()


def _require_passed(environment: Environment, release: Release, estate: Estate) -> None:
    before = environment.predecessor
    if before and not estate.has_passed(before, release.digest):
        raise ConflictError(
            f"{release.version} ({release.short_digest}) has not passed {before}, the environment before "
            f"{environment.name}",
            hint=f"deliverkit promote {release.version} --to {before}",
        )


def _require_mapped(
    pipeline: str, mapped: Sequence[tuple[Environment, StageMap | None]], release: Release, estate: Estate
) -> None:
    target, stage = mapped[-1]
    if stage is None:
        raise UsageError(
            f"no stage of pipeline {pipeline} deploys to {target.application}/{target.group} ({target.name})",
            hint=f"add a CodeDeploy action for {target.group}, or set `stage` of {target.name}",
        )
    for environment, found in mapped[:-1]:
        if found is None and not estate.has_passed(environment.name, release.digest):
            raise ConflictError(
                f"{release.version} has not passed {environment.name}, and pipeline {pipeline} has no stage for it",
                hint=f"add a CodeDeploy action for {environment.group} to the pipeline",
            )


def _require_truthful(pipeline: str, driven: Sequence[tuple[Environment, StageMap]], *, is_first_entered: bool) -> None:
    """Refuse pipelines that would go on before deliverkit has judged, or that would call a bad release a success."""
    for position, (environment, stage) in enumerate(driven):
        is_guarded = bool(environment.before or environment.approvals or position)
        starts_it = position == 0 and is_first_entered
        if is_guarded and not stage.entry_action and not starts_it:
            raise UsageError(
                f"pipeline {pipeline} enters {stage.stage} by itself; nothing holds releases back from "
                f"{environment.name}",
                hint=f"add a Manual approval before {', '.join(stage.deploy_actions)}; deliverkit answers it",
            )
        if not stage.judge_action:
            raise UsageError(
                f"pipeline {pipeline} would report {stage.stage} as succeeded before {environment.name} is judged",
                hint=f"add a Manual approval action behind {', '.join(stage.deploy_actions)} in stage {stage.stage}; "
                "deliverkit approves it once the gates have passed, and rejects it otherwise",
            )
