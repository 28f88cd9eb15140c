"""CloudWatch Logs Insights: queries over the log events that moto keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> None:
    """Let CloudWatch Logs answer queries."""
    # Imported here: `moto_logs`, which the operations need, needs the events of this package.
    from deliverkit.sandbox.logs.operations import (  # noqa: PLC0415
        describe_queries,
        get_query_results,
        start_query,
        stop_query,
    )
    from deliverkit.sandbox.moto_operations import answer_with  # noqa: PLC0415

    operations = {
        "StartQuery": start_query,
        "GetQueryResults": get_query_results,
        "StopQuery": stop_query,
        "DescribeQueries": describe_queries,
    }
    answer_with(world, "logs", "logs", operations, refusal="InvalidParameterException")
