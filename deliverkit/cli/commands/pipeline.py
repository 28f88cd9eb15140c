"""`deliverkit pipeline`: bring the pipeline to what its declaration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, surroundings, whole_number
from deliverkit.errors import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from deliverkit.domain.pipeline_change import NewActionType, PipelinePlan
    from deliverkit.domain.pipeline_comparison import Change
    from deliverkit.pipeline_assembly import PipelineDesk


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    plan = verbs.add_parser(
        "plan", parents=[shared], help="how the pipeline differs from pipeline.file; changes nothing"
    )
    _add_secrets(plan)
    plan.set_defaults(run=_plan)
    apply = verbs.add_parser(
        "apply", parents=[shared], help="create or update it, and register the custom action types that it needs"
    )
    _add_secrets(apply)
    apply.add_argument(
        "--version",
        metavar="N",
        type=whole_number,
        help="only if the live pipeline still is version N, the one that `plan` was looked at with",
    )
    apply.set_defaults(run=_apply)


def _add_secrets(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="update also for secrets alone: CodePipeline shows none, so nobody knows whether they differ",
    )


def _plan(arguments: Namespace, options: Options, console: Console) -> int:
    plan = _desk(options, console).plan(sends_secrets=arguments.secrets)
    render.data(plan, options, console, text=_text, as_json=_document)
    return ExitCode.DONE


def _apply(arguments: Namespace, options: Options, console: Console) -> int:
    desk = _desk(options, console)
    plan = desk.plan(sends_secrets=arguments.secrets)
    for line in desk.apply(plan, is_confirmed=options.is_confirmed, reviewed=arguments.version):
        console.tell(line)
    if plan.is_settled:
        console.tell(_settled(plan))
    if options.is_json:
        render.data(plan, options, console, text=_text, as_json=_document)
    return ExitCode.DONE


def _desk(options: Options, console: Console) -> PipelineDesk:
    from deliverkit.app import open_pipeline  # noqa: PLC0415

    return open_pipeline(options.config, **surroundings(options, console))


def _text(plan: PipelinePlan) -> str:
    if plan.is_settled:
        return _settled(plan)
    lines = [f"register action type {new.type} ({_properties(new)})" for new in plan.types]
    if plan.version is None:
        lines.append(f"create pipeline {plan.pipeline}")
    elif plan.is_update:
        lines.append(f"update pipeline {plan.pipeline}, version {plan.version}")
        lines += [f"  {_line(change)}" for change in plan.changes]
        lines += [f"  {'secret':8}{path}" for path in plan.secrets]
    if plan.under_way:
        lines.append(f"which ends executions that are under way: {', '.join(plan.under_way)}")
    return "\n".join(lines)


def _properties(new: NewActionType) -> str:
    told = (f"{name}, a secret" if name in new.secrets else name for name in new.properties)
    return "; ".join(told) or "no properties"


def _settled(plan: PipelinePlan) -> str:
    """That nothing is to be done, and what nobody can know."""
    if not plan.secrets:
        return f"nothing to do: pipeline {plan.pipeline} is as declared (version {plan.version})"
    told = f"nothing to do that shows: pipeline {plan.pipeline} (version {plan.version})"
    paths = ", ".join(plan.secrets)
    return f"{told}; secrets cannot be compared: {paths}; to send them: deliverkit pipeline apply --secrets"


def _line(change: Change) -> str:
    # What comes or goes may hold secrets; of what changes, CodePipeline masks them.
    values = f"  {change.before} -> {change.after}" if change.kind == "changed" else ""
    return f"{change.kind:8}{change.path}{render.one_line(values)}"


def _document(plan: PipelinePlan) -> dict[str, Any]:
    return {
        "pipeline": plan.pipeline,
        "version": plan.version,
        "is_settled": plan.is_settled,
        "action_types": [
            {
                "category": new.type.category,
                "provider": new.type.provider,
                "version": new.type.version,
                "properties": list(new.properties),
                "is_queryable": new.is_queryable,
                "secrets": list(new.secrets),
            }
            for new in plan.types
        ],
        "changes": [_change_document(change) for change in plan.changes],
        "under_way": list(plan.under_way),
        "secrets": list(plan.secrets),
    }


def _change_document(change: Change) -> dict[str, Any]:
    values = {"before": change.before, "after": change.after} if change.kind == "changed" else {}
    return {"path": change.path, "kind": change.kind, **values}
