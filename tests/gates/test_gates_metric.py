"""Metrics held against limits, by a sandbox's CloudWatch and by answers that only the real one gives."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from metrics_bench import REGION, MetricsBench, bench, check_of, place  # noqa: F401

from deliverkit.adapters.aws.metric_batches import batches, renamed
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Measurement, Verdict
from deliverkit.domain.metrics import MetricQuery, MetricStat


def test_a_metric_within_its_limits_passes(bench: MetricsBench) -> None:  # noqa: F811
    metric = f"{bench.namespace()} errors"
    bench.put(metric, [1, 2, 3, 2, 1])
    bench.at(6.5)
    sample = bench.measure("metric", {"metric": metric, "statistic": "Sum", "window": 300, "below": 5})
    assert (sample.outcome, sample.value) == (Verdict.PASSED, 1.0)
    assert sample.seen is not None
    assert len(sample.seen["series"][0]["points"]) == 5
    assert "below 5" in sample.reason
    assert sample.query.startswith(f"aws cloudwatch get-metric-data --region {REGION} --start-time ")
