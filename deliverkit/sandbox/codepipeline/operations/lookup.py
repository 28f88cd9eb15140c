"""From a request to what it names."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline.state import Pipeline, Store
from deliverkit.sandbox.kernel.operations import Context


def store_of(context: Context) -> Store:
    """The pipelines of the caller's account and Region."""
    return context.world.store(Store, context.account, context.region)


def pipeline_of(context: Context, name: str) -> Pipeline:
    """The caller's pipeline.

    Raises:
        ApiError: `PipelineNotFoundException`.
    """
    return store_of(context).pipeline(context.account, name)
