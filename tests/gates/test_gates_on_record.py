"""Gates are explained and replayed out of a ledger by an id or a version, without asking AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gate_worlds import Ran, SeeingCheck, answered, http_check, promoted, serves_the_second, world

from deliverkit.adapters.ledger_sqlite import SqliteLedger
from deliverkit.domain.gate import Gate
from deliverkit.domain.ledger import Draft

CONFIGURATION = """\
application: shop
release:
  version: git
  bundle: {path: build/}
  store: s3://releases/shop
environments:
  dev:
    regions: [us-east-1]
    deploy: {codedeploy: {group: shop-dev}}
ledger: sqlite:///ledger.sqlite
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose ledger holds a promotion that was rolled back, and a run of gates."""
    place = tmp_path_factory.mktemp("shop")
    (place / "deliverkit.yml").write_text(CONFIGURATION)
    made = world(Gate("up", (http_check("up", passes=2, failure_limit=1),)))
    promoted(made, lambda *_: answered(503) if serves_the_second(made) else answered())
    made.checks["http"] = SeeingCheck(made.clock)
    delivery = made.delivery()
    delivery.gate_runs.watch(delivery.run_gates(to="dev"))
    ledger = SqliteLedger(place / "ledger.sqlite")
    for stream in delivery.ledger.streams(""):
        last = None
        for event in delivery.ledger.read(stream):
            draft = Draft(event.kind, event.payload)
            last = ledger.append(stream, last, draft, actor=event.actor, at=event.at)
    return place


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return folder


def gates(*words: str) -> Any:
    ran = Ran(*words, "--output", "json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.parametrize("subject", ["dev-2", "2.0"])
def test_a_promotion_is_found_by_its_id_and_by_its_release(here: Path, subject: str) -> None:
    assert [(gate["gate"], gate["verdict"]) for gate in gates("gate", "explain", subject)["gates"]] == [
        ("up", "failed")
    ]
    assert Ran("gate", "replay", subject).code == 0


def test_a_run_of_gates_is_found_by_its_id(here: Path) -> None:
    told = gates("gate", "explain", "gates-dev-1")
    assert (told["id"], told["environment"], told["version"]) == ("gates-dev-1", "dev", "1.0")
    assert [gate["verdict"] for gate in told["gates"]] == ["passed"]
    assert Ran("gate", "replay", "gates-dev-1").code == 0


def test_what_is_exported_is_told_as_what_is_on_record(here: Path, tmp_path: Path) -> None:
    kept = tmp_path / "all.jsonl"
    kept.write_text(Ran("ledger", "export").out)
    replayed = Ran("gate", "replay", kept)
    assert replayed.code == 0
    for name in ("dev-1: ", "dev-2: ", "gates-dev-1: "):
        assert name in replayed.out
    log = tmp_path / "log.json"
    log.write_text(Ran("ledger", "log", "dev-2", "--output", "json").out)
    assert Ran("gate", "explain", log).out == Ran("gate", "explain", "dev-2").out


def test_what_is_not_on_record_is_said_so(here: Path) -> None:
    ran = Ran("gate", "explain", "dev-9")
    assert ran.code == 1
    assert "there is no promotion dev-9" in ran.err


def test_a_report_gives_the_gates_as_the_same_document(here: Path, tmp_path: Path) -> None:
    file = tmp_path / "gates.json"
    assert Ran("report", "dev-2", "--as", "gates", "--to-file", file).code == 0
    assert json.loads(file.read_text()) == gates("gate", "explain", "dev-2")
    assert Ran("gate", "replay", file).code == 0
