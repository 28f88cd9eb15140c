"""CodePipeline's errors, each with the text a caller sees."""

from __future__ import annotations

from deliverkit.sandbox.kernel.errors import ApiError


def invalid(text: str) -> ApiError:
    """ValidationException: the request is malformed in a way that the model's constraints do not state."""
    return ApiError("ValidationException", text)


def bad_structure(text: str) -> ApiError:
    """InvalidStructureException: the stages and actions do not make a pipeline."""
    return ApiError("InvalidStructureException", text)


def bad_stage(text: str) -> ApiError:
    """InvalidStageDeclarationException."""
    return ApiError("InvalidStageDeclarationException", text)


def bad_action(text: str) -> ApiError:
    """InvalidActionDeclarationException."""
    return ApiError("InvalidActionDeclarationException", text)


def pipeline_not_found(account: str, name: str) -> ApiError:
    """PipelineNotFoundException; the text names account and pipeline, as AWS's does."""
    text = f"Account '{account}' does not have a pipeline with name '{name}'"
    return ApiError("PipelineNotFoundException", text)


def stage_not_found(pipeline: str, stage: str) -> ApiError:
    """StageNotFoundException."""
    return ApiError("StageNotFoundException", f"Stage '{stage}' does not exist in pipeline '{pipeline}'")


def action_not_found(stage: str, action: str) -> ApiError:
    """ActionNotFoundException."""
    return ApiError("ActionNotFoundException", f"Action '{action}' does not exist in stage '{stage}'")


def execution_not_found(pipeline: str, execution_id: str) -> ApiError:
    """PipelineExecutionNotFoundException: an unknown id, or one of another pipeline."""
    text = f"Pipeline '{pipeline}' has no execution with id '{execution_id}'"
    return ApiError("PipelineExecutionNotFoundException", text)


def bad_token(text: str) -> ApiError:
    """InvalidApprovalTokenException."""
    return ApiError("InvalidApprovalTokenException", text)


def bad_next_token() -> ApiError:
    """InvalidNextTokenException."""
    return ApiError(
        "InvalidNextTokenException", "The next token is not valid; it belongs to another list or is too old"
    )
