"""`deliverkit pipeline`: bring the pipeline to what its declaration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, sandbox_state_dir
from deliverkit.errors import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from deliverkit.domain.pipeline_change import Change, PipelinePlan
    from deliverkit.pipeline_assembly import PipelineDesk


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    plan = verbs.add_parser(
        "plan", parents=[shared], help="how the pipeline differs from pipeline.file; changes nothing"
    )
    plan.set_defaults(run=_plan)
    apply = verbs.add_parser(
        "apply", parents=[shared], help="create or update it, and register the custom action types that it needs"
    )
    apply.set_defaults(run=_apply)


def _plan(_arguments: Namespace, options: Options, console: Console) -> int:
    render.data(_desk(options, console).plan(), options, console, text=_text, as_json=_document)
    return ExitCode.DONE


def _apply(_arguments: Namespace, options: Options, console: Console) -> int:
    desk = _desk(options, console)
    plan = desk.plan()
    for line in desk.apply(plan, is_confirmed=options.is_confirmed):
        console.tell(line)
    if plan.is_settled:
        console.tell(f"nothing to do: pipeline {plan.pipeline} is as declared")
    if options.is_json:
        render.data(plan, options, console, text=_text, as_json=_document)
    return ExitCode.DONE


def _desk(options: Options, console: Console) -> PipelineDesk:
    from deliverkit.app import open_pipeline  # noqa: PLC0415

    return open_pipeline(
        options.config,
        profile=options.profile,
        region=options.region,
        endpoint_url=options.endpoint_url,
        sandbox_state_dir=sandbox_state_dir(console) if options.is_sandboxed else None,
        environ=console.environ,
    )


def _text(plan: PipelinePlan) -> str:
    if plan.is_settled:
        return f"nothing to do: pipeline {plan.pipeline} is as declared (version {plan.version})"
    lines = [f"register action type {new.type} ({', '.join(new.properties) or 'no properties'})" for new in plan.types]
    if plan.version is None:
        lines.append(f"create pipeline {plan.pipeline}")
    elif plan.changes:
        lines.append(f"update pipeline {plan.pipeline}, version {plan.version}")
        lines += [f"  {_line(change)}" for change in plan.changes]
    if plan.under_way:
        lines.append(f"which ends executions that are under way: {', '.join(plan.under_way)}")
    return "\n".join(lines)


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
            }
            for new in plan.types
        ],
        "changes": [_change_document(change) for change in plan.changes],
        "under_way": list(plan.under_way),
    }


def _change_document(change: Change) -> dict[str, Any]:
    values = {"before": change.before, "after": change.after} if change.kind == "changed" else {}
    return {"path": change.path, "kind": change.kind, **values}
