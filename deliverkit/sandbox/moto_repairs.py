"""Where moto refuses what AWS takes, or does nothing where AWS does something: mended when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from deliverkit.sandbox.moto_builds import tell_builds_as_they_are
from deliverkit.sandbox.moto_certificates import tell_certificates
from deliverkit.sandbox.moto_copies import mend_copies
from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_keys import heed_states_and_digests, take_policies_of_stacks
from deliverkit.sandbox.moto_loading import Mend, when_loaded
from deliverkit.sandbox.moto_locks import tell_locks
from deliverkit.sandbox.moto_policies import offer_aws_policies
from deliverkit.sandbox.moto_scaling import hold_terminations
from deliverkit.sandbox.moto_services import leave_services_to_codedeploy
from deliverkit.sandbox.moto_stack_failures import name_failures, roll_back_failures
from deliverkit.sandbox.moto_stack_updates import change_groups_in_place, take_code_of_templates
from deliverkit.sandbox.moto_stacks import offer_types
from deliverkit.sandbox.moto_tags import find_tags_at_once
from deliverkit.sandbox.moto_uploads import mend_models, mend_responses


def repair() -> None:
    """Mend moto as it is loaded; repeating it changes nothing."""
    _run_state_machines()
    for module, mend in _MENDS.items():
        when_loaded(module, mend)


def _take_projects_of_pipelines(responses: Any) -> None:
    """A CodeBuild project of type CODEPIPELINE has no location (CodeBuild API reference, ProjectSource)."""
    for name in ("_validate_required_params_source", "_validate_required_params_artifacts"):
        replace(responses, name, _without_location)


def _without_location(check: Any) -> Any:
    def mended(declared: dict[str, Any]) -> None:
        check({"location": "CODEPIPELINE", **declared} if declared.get("type") == "CODEPIPELINE" else declared)

    return mended


def _run_state_machines() -> None:
    """Without this an execution of Step Functions runs for ever."""
    from moto.core.config import default_user_config  # noqa: PLC0415

    default_user_config["stepfunctions"] = {"execute_state_machine": True}


def _look_for_models_once(utils: Any) -> None:
    """One loader of botocore's for all services: a new one for each looks through the folders of all of them first."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    loader = create_loader()
    replace(utils, "_load_service_model", lambda _: partial(loader.load_service_model))


def _give_change_sets_outputs(models: Any) -> None:
    """A stack has the template and the outputs of the change set that was executed last."""

    def instead_of(apply: Any) -> Callable[..., None]:
        def mended(change_set: Any) -> None:
            apply(change_set)
            stack = change_set.stack
            stack.template, stack.template_dict = change_set.template, change_set.template_dict
            stack.output_map = stack._create_output_map()  # noqa: SLF001  (what an update of the stack does)

        return mended

    replace(models.ChangeSet, "apply", instead_of)


def _mend_stacks(models: Any) -> None:
    _give_change_sets_outputs(models)
    roll_back_failures(models)


def _mend_templates(parsing: Any) -> None:
    offer_types(parsing)
    name_failures(parsing)


def _name_root(models: Any) -> None:
    """Whoever signs with a key that nobody made is the account's root, as for the sandbox's own key.

    moto calls them `arn:aws:sts::ACCOUNT:user/moto`, an ARN that AWS does not have.
    """

    def instead_of(identify: Any) -> Callable[..., tuple[str, str, str]]:
        def mended(backend: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
            found: tuple[str, str, str] = identify(backend, access_key_id, region)
            is_known = not found[1].endswith(":user/moto")
            return found if is_known else (found[2], f"arn:aws:iam::{found[2]}:root", found[2])

        return mended

    replace(models.STSBackend, "get_caller_identity", instead_of)


def _leave_denials_to_the_guard(models: Any) -> None:
    """A bucket policy's `Deny` strikes whom it means, under its conditions, where policies are enforced.

    moto refuses everybody for any such statement: the usual policy of an artifact bucket, which denies unencrypted
    uploads and insecure connections, would shut the bucket for good.
    """

    def instead_of(decide: Any) -> Callable[..., Any]:
        def mended(bucket: Any, action: str, resource: str) -> Any:
            from moto.iam.access_control import PermissionResult  # noqa: PLC0415  (S3 and IAM import each other)

            found = decide(bucket, action, resource)
            return PermissionResult.NEUTRAL if found == PermissionResult.DENIED else found

        return mended

    replace(models.FakeBucket, "get_permission", instead_of)


def _mend_buckets(models: Any) -> None:
    _leave_denials_to_the_guard(models)
    mend_models(models)


def _mend_bucket_requests(responses: Any) -> None:
    mend_responses(responses)
    mend_copies(responses)
    tell_locks(responses)


_MENDS: Mapping[str, Mend] = {
    "moto.acm.models": tell_certificates,
    "moto.awslambda.models": take_code_of_templates,
    "moto.autoscaling.models": hold_terminations,
    "moto.cloudformation.models": _mend_stacks,
    "moto.cloudformation.parsing": _mend_templates,
    "moto.codebuild.models": tell_builds_as_they_are,
    "moto.codebuild.responses": _take_projects_of_pipelines,
    "moto.core.utils": _look_for_models_once,
    "moto.ec2.models.security_groups": change_groups_in_place,
    "moto.ec2.models.tags": find_tags_at_once,
    "moto.ecs.models": leave_services_to_codedeploy,
    "moto.iam.models": offer_aws_policies,
    "moto.kms.models": take_policies_of_stacks,
    "moto.kms.responses": heed_states_and_digests,
    "moto.s3.models": _mend_buckets,
    "moto.s3.responses": _mend_bucket_requests,
    "moto.sts.models": _name_root,
}
