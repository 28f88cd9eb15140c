"""The service's botocore model, with what CodeDeploy answers although its model does not declare it."""

from __future__ import annotations

from functools import cache

import botocore.loaders
import botocore.model


@cache
def wire_model() -> botocore.model.ServiceModel:
    """CodeDeploy's model, which lacks `MOST_CONCURRENCY`.

    GetDeploymentConfig answers that type for CodeDeployDefault.OneAtATime (API reference, MinimumHealthyHosts).
    """
    declared = botocore.loaders.Loader().load_service_model("codedeploy", "service-2")
    declared["shapes"]["MinimumHealthyHostsType"]["enum"].append("MOST_CONCURRENCY")
    return botocore.model.ServiceModel(declared, "codedeploy")
