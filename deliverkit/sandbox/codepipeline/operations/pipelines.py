"""CreatePipeline, UpdatePipeline, GetPipeline, DeletePipeline, ListPipelines."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.access.service_roles import is_assumable
from deliverkit.sandbox.codepipeline import errors, polling, progress, starts, structure
from deliverkit.sandbox.codepipeline.action_types import secrets
from deliverkit.sandbox.codepipeline.definition import Definition, parse
from deliverkit.sandbox.codepipeline.operations import tags
from deliverkit.sandbox.codepipeline.operations.action_types import catalogue_of
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of, store_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.state import Execution, Outcome, Pipeline, Status, Store, Trigger
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params

MAX_PIPELINES = 1000
"""Pipelines of an account in a Region (CodePipeline user guide, quotas)."""
MAX_POLLING_PIPELINES = 300
"""Those of them whose sources poll (CodePipeline user guide, quotas)."""


def create_pipeline(params: Params, context: Context) -> Answer:
    """Create a pipeline and start its first execution, unless its sources poll and so start it themselves."""
    declared, store = params["pipeline"], store_of(context)
    catalogue = catalogue_of(context)
    structure.check(declared, context.region, catalogue.available)
    given_tags = tags.checked(params.get("tags", []), {})
    if declared["name"] in store.pipelines:
        text = f"A pipeline with the name '{declared['name']}' already exists in account '{context.account}'"
        raise ApiError("PipelineNameInUseException", text)
    if len(store.pipelines) >= MAX_PIPELINES:
        raise ApiError("LimitExceededException", f"The limit of {MAX_PIPELINES} pipelines is reached")
    definition = parse(declared, 1)
    _require_role(context, definition)
    pipeline = Pipeline(context.account, context.region, [definition], context.now, context.now, tags=given_tags)
    _require_room_to_poll(store, definition)
    store.pipelines[definition.name] = pipeline
    polling.watch(context.world, pipeline)
    if not polling.polling_sources(definition):
        starts.begin(context.world, pipeline, Trigger("CreatePipeline", context.principal_arn))
    return {"pipeline": secrets.mask_structure(catalogue, definition.structure), "tags": tags.as_json(given_tags)}


def _require_role(context: Context, definition: Definition) -> None:
    """Refuse a role that CodePipeline may not assume, when policies are enforced; in the words seen on AWS."""
    if not is_assumable(context.world, definition.role_arn):
        text = f"CodePipeline is not authorized to perform AssumeRole on role {definition.role_arn}"
        raise errors.bad_structure(text)


def _require_room_to_poll(store: Store, definition: Definition) -> None:
    if not polling.polling_sources(definition):
        return
    others = (each.current for name, each in store.pipelines.items() if name != definition.name)
    if sum(bool(polling.polling_sources(each)) for each in others) >= MAX_POLLING_PIPELINES:
        text = f"The limit of {MAX_POLLING_PIPELINES} pipelines that poll for source changes is reached"
        raise ApiError("LimitExceededException", text)


def update_pipeline(params: Params, context: Context) -> Answer:
    """Make a new version; executions of the old one run no further than the actions that run now."""
    declared = params["pipeline"]
    pipeline = _to_update(context, declared["name"])
    catalogue = catalogue_of(context)
    declared = secrets.unmask_structure(catalogue, declared, pipeline.current.structure)
    structure.check(declared, context.region, catalogue.available)
    definition = parse(declared, pipeline.current.version + 1)
    _require_role(context, definition)
    _require_room_to_poll(store_of(context), definition)
    pipeline.definitions.append(definition)
    pipeline.updated_at = context.now
    for execution in pipeline.active():
        _outdate(context, pipeline, execution)
    for stage in pipeline.current.stages:
        progress.admit(context.world, pipeline, stage.name)
    polling.watch(context.world, pipeline)
    return {"pipeline": secrets.mask_structure(catalogue, pipeline.current.structure)}


def _to_update(context: Context, name: str) -> Pipeline:
    """The pipeline; UpdatePipeline documents no PipelineNotFoundException (API reference, UpdatePipeline, Errors)."""
    pipeline = store_of(context).pipelines.get(name)
    if pipeline is None:
        raise errors.bad_structure(f"Account '{context.account}' does not have a pipeline with name '{name}'")
    return pipeline


def get_pipeline(params: Params, context: Context) -> Answer:
    """One version of the structure, the newest by default."""
    pipeline = pipeline_of(context, params["name"])
    version = params.get("version", pipeline.current.version)
    if not 1 <= version <= len(pipeline.definitions):
        text = f"Pipeline '{pipeline.name}' has no version {version}"
        raise ApiError("PipelineVersionNotFoundException", text)
    metadata = {
        "pipelineArn": pipeline.arn,
        "created": pipeline.created_at,
        "updated": pipeline.updated_at,
        "pollingDisabledAt": pipeline.polling_disabled_at,
    }
    shown = secrets.mask_structure(catalogue_of(context), pipeline.definitions[version - 1].structure)
    return {"pipeline": shown, "metadata": metadata}


def delete_pipeline(params: Params, context: Context) -> None:
    """Forget the pipeline; a name that does not exist is no error (the model has none for it)."""
    pipeline = store_of(context).pipelines.pop(params["name"], None)
    if pipeline is None:
        return
    pipeline.is_deleted = True
    for run in [*pipeline.runs, *pipeline.rule_runs]:
        # Work elsewhere goes on; nothing here waits for it any more.
        if run.is_open:
            run.status, run.outcome = Status.ABANDONED, Outcome()


def list_pipelines(params: Params, context: Context) -> Answer:
    """Every pipeline, by name."""
    found = sorted(store_of(context).pipelines.values(), key=lambda pipeline: pipeline.name)
    shown, token = page("pipelines", found, params, lambda pipeline: pipeline.name, size=1000)
    return {"pipelines": [_summary(pipeline) for pipeline in shown], "nextToken": token}


def _summary(pipeline: Pipeline) -> dict[str, object]:
    return {
        "name": pipeline.name,
        "version": pipeline.current.version,
        "pipelineType": pipeline.current.structure["pipelineType"],
        "executionMode": pipeline.current.mode,
        "created": pipeline.created_at,
        "updated": pipeline.updated_at,
    }


def _outdate(context: Context, pipeline: Pipeline, execution: Execution) -> None:
    """What an update does to an execution of an earlier version.

    One that waits, in front of a stage or for a condition, is cancelled at once. One inside a stage is cancelled when
    its running actions have ended, but an open approval stays as it is, unanswerable: seen so on AWS, where the state
    shows it failed, without a token.
    """
    if execution.waiting_for:
        progress.cancel(context.world, pipeline, execution, None)
        return
    for stage in execution.stages.values():
        if stage.check is not None:
            progress.cancel(context.world, pipeline, execution, stage)
            return
        for run in stage.open_runs:
            if run.action.type.category == "Approval":
                run.token, run.is_void = "", True


OPERATIONS: Mapping[str, Operation] = {
    "CreatePipeline": create_pipeline,
    "UpdatePipeline": update_pipeline,
    "GetPipeline": get_pipeline,
    "DeletePipeline": delete_pipeline,
    "ListPipelines": list_pipelines,
}
