"""What our own checkers record of real servers and processes comes out the same when it is replayed, offline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from gate_worlds import EVERY, Ran, http_check, world, written
from web_bench import nobody, served

from deliverkit.adapters.command import CommandCheck
from deliverkit.adapters.http import HttpCheck
from deliverkit.adapters.tcp import TcpCheck
from deliverkit.domain.gate import Check, Gate, Policy
from deliverkit.domain.recording import trials_of
from deliverkit.domain.replaying import replay


def test_what_real_checks_record_is_replayed_to_the_last_bit(tmp_path: Path) -> None:
    with served() as site:
        site.says("/healthz", '{"load": 0.30000000000000004, "ready": true}', content_type="application/json")
        site.says("/broken", "no JSON", status=503)
        address = site.url.partition("://")[2]
        policy = Policy(every=EVERY, passes=2, failure_limit=1)
        spec = {"p95": 5.0, "json": {"load": {"at_most": 1}, "ready": True}, "timeout": 5.0}
        checks = (
            http_check("real", "good", {**spec, "url": f"{site.url}/healthz"}, passes=2),
            http_check("real", "bad", {**spec, "url": f"{site.url}/broken"}, passes=2, failure_limit=4),
            Check("real", "silent", "http", {"url": "http://127.0.0.1:9/", "timeout": 1.0}, policy),
            Check("real", "port", "tcp", {"address": address, "timeout": 5.0}, policy),
            Check("real", "command", "command", {"run": "echo fine; exit 3", "timeout": 5.0}, policy),
        )
        gate = Gate("real", tuple(checks))
        made = world(gate)
        made.checks["http"] = HttpCheck(nobody, clock=made.clock)
        made.checks["tcp"] = TcpCheck(nobody, clock=made.clock)
        made.checks["command"] = CommandCheck(clock=made.clock, directory=tmp_path)
        delivery = made.delivery()
        run_id = delivery.run_gates(to="dev", bake_time=timedelta(seconds=20))
        delivery.gate_runs.watch(run_id)
        events = tuple(delivery.ledger.read(f"gates/{run_id}"))
    (trial,) = trials_of(events)
    assert {sample.measurement.check for sample in trial.samples} == {check.name for check in checks}
    again = replay(trial)
    assert again.differences == ()
    assert again.kept == 0
    file = written(tmp_path / "run.jsonl", events)
    assert Ran("gate", "replay", file).code == 0
    explained = Ran("gate", "explain", file)
    assert explained.code == 0
    for check in checks:
        assert f"check {check.name}, " in explained.out
