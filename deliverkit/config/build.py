"""From checked values to settings: defaults are filled in, paths are made relative to the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deliverkit.config.gate_building import gate
from deliverkit.config.settings import (
    BundleSettings,
    EncryptionSettings,
    JenkinsSettings,
    KeyLocation,
    LedgerLocation,
    PipelineSettings,
    ReleaseSettings,
    RetentionSettings,
    S3Location,
    Settings,
    TrustSettings,
    VersionSource,
)
from deliverkit.config.texts import s3_location
from deliverkit.domain.environment import ApprovalPolicy, Environment, OnFailure, Serves, Strategy, StrategyKind
from deliverkit.domain.linting import AllowedRule, Hosts, LintPolicy
from deliverkit.domain.release import BundleFormat, Compression
from deliverkit.domain.release_rules import KeepRules, ReplicaPlace, TicketRules
from deliverkit.domain.trust import DirtyTree, SourcePolicy
from deliverkit.yaml_tree import Place

Values = Mapping[str, Any]

_DEFAULT_STRATEGY = StrategyKind.ONE_AT_A_TIME.value
_HOSTS = {"load_balancer": "has_load_balancer"}


def build(path: Path, values: Values) -> Settings:
    """The settings that valid values mean.

    Args:
        path: The file they come from.
        values: As the declaration's record reads them, without any problem.
    """
    file = path.absolute()
    release = _release(file, values["release"])
    application = values["application"]
    return Settings(
        path=file,
        application=application,
        release=release,
        pipeline=_pipeline(file.parent, values.get("pipeline")),
        gates={name: gate(name, each) for name, each in values.get("gates", {}).items()},
        environments=tuple(_environment(name, each, application) for name, each in values["environments"].items()),
        ledger=_ledger(file.parent, values.get("ledger"), release.store),
        jenkins=JenkinsSettings(**values.get("jenkins", {})),
    )


def _release(file: Path, values: Values) -> ReleaseSettings:
    folder, bundle = file.parent, values["bundle"]
    return ReleaseSettings(
        version=_version(values.get("version", "git")),
        bundle=BundleSettings(
            path=folder / bundle["path"],
            format=BundleFormat(bundle.get("format", BundleFormat.ZIP.value)),
            appspec=folder / bundle["appspec"] if "appspec" in bundle else None,
            compression=Compression(bundle.get("compression", Compression.FAST.value)),
            keeps_links=bundle.get("links", "keep") == "keep",
            allow=tuple(each.text for each in bundle.get("allow", ())),
            allow_places={
                each.text: Place(each.place.line, each.place.column, str(file)) for each in bundle.get("allow", ())
            },
            has_format="format" in bundle,
        ),
        store=values["store"],
        build=values.get("build", ""),
        sign=_key(folder, values["sign"]) if "sign" in values else None,
        trust=_trust(folder, values["trust"]) if "trust" in values else None,
        encryption=values.get("encryption", EncryptionSettings()),
        bucket_owner=values.get("bucket_owner", ""),
        retention=_retention(values.get("retention")),
        tags=values.get("tags", {}),
        lint=_lint(file, values.get("lint", {})),
        replicas={
            region: ReplicaPlace(each.bucket, each.prefix) for region, each in values.get("replicas", {}).items()
        },
        keep=_keep(values["keep"]) if "keep" in values else None,
        tickets=TicketRules(**values.get("tickets", {})),
        commit_status=values.get("commit_status"),
    )


def _keep(values: Values) -> KeepRules:
    names = {"for": "younger_than"}
    return KeepRules(**{names.get(key, key): value for key, value in values.items()})


def _key(folder: Path, text: str) -> KeyLocation:
    is_file = text.startswith("file:")
    return KeyLocation(text, folder / text.removeprefix("file:").removeprefix("//") if is_file else None)


def _trust(folder: Path, values: Values) -> TrustSettings:
    source = dict(values.get("source", {}))
    if "dirty" in source:
        source["dirty"] = DirtyTree(source["dirty"])
    return TrustSettings(tuple(_key(folder, each) for each in values["keys"]), SourcePolicy(**source))


def _retention(values: Values | None) -> RetentionSettings:
    return RetentionSettings(values["mode"], values["for"]) if values else RetentionSettings()


def _lint(file: Path, values: Values) -> LintPolicy:
    hosts = {_HOSTS.get(key, key): value for key, value in values.get("hosts", {}).items()}
    allowed = (
        AllowedRule(each["rule"], each["reason"], str(file), each["place"].line, each["place"].column)
        for each in values.get("allow", ())
    )
    return LintPolicy(Hosts(**hosts), tuple(allowed))


def _version(value: str | Values) -> VersionSource:
    if isinstance(value, str):
        return VersionSource(value)
    ((kind, text),) = value.items()
    return VersionSource(kind, text)


def _pipeline(folder: Path, values: Values | None) -> PipelineSettings | None:
    if values is None:
        return None
    file = folder / values["file"] if "file" in values else None
    return PipelineSettings(values["name"], file, tuple(values.get("secrets", ())))


def _ledger(folder: Path, text: str | None, store: S3Location) -> LedgerLocation:
    if text is None:
        return LedgerLocation("s3", store.bucket, f"{store.prefix}/ledger".lstrip("/"))
    if text.startswith("s3://"):
        place = s3_location(text)
        return LedgerLocation("s3", place.bucket, place.prefix)
    return LedgerLocation("sqlite", path=folder / text.removeprefix("sqlite:///"))


# --- environments ----------------------------------------------------------------------------------


def _environment(name: str, values: Values, application: str) -> Environment:
    deploy, gates = values["deploy"], values.get("gates", {})
    # What is not written is not passed on, so that the domain's own defaults hold.
    given = {key: values[key] for key in ("bake_time", "window", "endpoint", "stage") if key in values}
    return Environment(
        name=name,
        waves=values["waves"] if "waves" in values else (values["regions"],) if "regions" in values else (),
        application=deploy["codedeploy"].get("application", application),
        group=deploy["codedeploy"]["group"],
        strategy=_strategy(deploy.get("strategy", _DEFAULT_STRATEGY)),
        predecessor=values.get("from"),
        before=gates.get("before", ()),
        during=gates.get("during", ()),
        after=gates.get("after", ()),
        on_failure=OnFailure(values.get("on_failure", OnFailure.ROLLBACK.value)),
        approvals=_approvals(values["approvals"]) if "approvals" in values else None,
        serves=Serves(**values["serves"]) if "serves" in values else None,
        **given,
    )


def _strategy(value: str | Values) -> Strategy:
    if isinstance(value, str):
        return Strategy(StrategyKind(value))
    if "config" in value:
        return Strategy(StrategyKind.NAMED, config=value["config"])
    return Strategy(StrategyKind.ROLLING, min_healthy=value["rolling"]["min_healthy"])


def _approvals(values: Values) -> ApprovalPolicy:
    given = {("groups" if key == "from" else key): value for key, value in values.items()}
    return ApprovalPolicy(**given)
