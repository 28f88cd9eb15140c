"""What a worker remembers, forgotten even when something that was made for a job cannot be removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliverkit.adapters.job_record import LOCK, DirectoryRecords, try_lock
from deliverkit.domain.worker_job import JobRecord, Offer


def record_of(job_id: str) -> JobRecord:
    return JobRecord(Offer(job_id, "nonce", "", "shop/Build/Build"), "command")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory in which another user may work."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


AS_ANOTHER_USER = """
import json, os, sys
from pathlib import Path
from deliverkit.adapters.job_record import DirectoryRecords

told = []
records = DirectoryRecords(Path(sys.argv[1]), tell=told.append)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
records.drop("one")
found = [[each.offer.job_id for each in records.all()] for _ in range(2)]
print(json.dumps([told, *found]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_what_a_container_made_as_root_stands_in_nobodys_way(shared: Path) -> None:
    state = shared / "worker"
    records = DirectoryRecords(state, tell=print)
    for job_id in ("one", "two", "three"):
        records.save(record_of(job_id))
    (records.room("two") / "record.json").unlink()  # killed while it was forgotten
    for path in (state, *state.rglob("*")):
        os.chown(path, 65534, 65534)
    for job_id in ("one", "two"):
        (records.room(job_id) / "made-by-root").mkdir()
        (records.room(job_id) / "made-by-root" / "file").touch()
    del records  # and the lock with it
    command = [sys.executable, "-c", AS_ANOTHER_USER, str(state)]
    told, first, second = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert first == second == ["three"]
    assert told == [
        f"{state / 'leftovers' / name} holds files that this user may not remove: let their owner, or root, remove it"
        for name in ("one", "two")
    ]
    assert (state / "leftovers" / "one" / "made-by-root" / "file").exists()


def test_read_only_directories_of_a_build_are_removed(tmp_path: Path) -> None:
    said: list[str] = []
    records = DirectoryRecords(tmp_path / "worker", tell=said.append)
    records.save(record_of("one"))
    (records.room("one") / "outputs" / "deep").mkdir(parents=True)
    (records.room("one") / "outputs" / "deep").chmod(0o500)
    records.drop("one")
    assert list((tmp_path / "worker" / "jobs").iterdir()) == []
    assert said == []


def test_the_room_of_work_that_goes_on_is_kept_until_it_has_ended(tmp_path: Path) -> None:
    state, said = tmp_path / "worker", list[str]()
    records = DirectoryRecords(state, tell=said.append)
    records.save(record_of("one"))
    used = try_lock(records.room("one") / LOCK)
    assert used
    records.drop("one")
    assert list(records.all()) == []
    assert (records.room("one").exists(), "is kept: a command that could not be stopped" in said[0]) == (True, True)
    used.close()
    assert list(records.all()) == []
    assert not records.room("one").exists()
