"""What only a file can go through: several processes, tampering, full disks, foreign files."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deliverkit.adapters.ledger_sqlite import SqliteLedger
from deliverkit.adapters.locks_sqlite import SqliteLocks
from deliverkit.adapters.sqlite_file import SqliteFile
from deliverkit.domain.ledger import Draft, verify
from deliverkit.errors import DeliverkitError, ExitCode, IntegrityError, UnreachableError, UsageError

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

RACER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from deliverkit.adapters.ledger_sqlite import SqliteLedger
from deliverkit.adapters.locks_sqlite import SqliteLocks
from deliverkit.domain.ledger import Draft
from deliverkit.errors import ConflictError, LockedError

name, path, at = sys.argv[1], Path(sys.argv[2]), datetime(2026, 1, 5, tzinfo=UTC)
ledger, locks = SqliteLedger(path), SqliteLocks(path)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    while True:
        events = ledger.read("race")
        try:
            last = events[-1] if events else None
            ledger.append("race", last, Draft("said", {"by": name, "n": number}), actor=name, at=at)
            break
        except ConflictError:
            continue
won = 0
for number in range(int(sys.argv[3])):
    try:
        locks.acquire(f"leases/{number}", holder=name, ttl=None, now=at, reason="racing")
        won += 1
    except LockedError:
        pass
print(won, flush=True)
"""


OPENER = """
import sys
from pathlib import Path
from deliverkit.adapters.ledger_sqlite import SqliteLedger

for line in sys.stdin:
    SqliteLedger(Path(line.strip())).read("s")
    print("opened", flush=True)
"""


def append(ledger: SqliteLedger, count: int = 1, stream: str = "s") -> None:
    for number in range(count):
        events = ledger.read(stream)
        ledger.append(stream, events[-1] if events else None, Draft("said", {"n": number}), actor="me", at=AT)


def test_racing_processes_record_every_event_once_and_take_every_lease_once(sqlite_path: Path) -> None:
    each = 25
    names = ["ann", "bob", "cid"]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, name, str(sqlite_path), str(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    wins = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    events = SqliteLedger(sqlite_path).read("race")
    assert verify("race", events) == each * len(names)
    said = sorted((event.payload["by"], event.payload["n"]) for event in events)
    assert said == [(name, number) for name in names for number in range(each)]
    assert sum(wins) == each


def test_processes_that_make_the_same_file_at_once_all_open_it(tmp_path: Path) -> None:
    openers = [
        subprocess.Popen([sys.executable, "-c", OPENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for number in range(25):
        for opener in openers:
            opener.stdin.write(f"{tmp_path / str(number)}.db\n")
            opener.stdin.flush()
        assert [opener.stdout.readline() for opener in openers] == ["opened\n"] * 4
    for opener in openers:
        opener.communicate(timeout=20)


def test_events_survive_the_process(sqlite_path: Path) -> None:
    ledger = SqliteLedger(sqlite_path)
    append(ledger, 3)
    written = ledger.read("s")
    ledger.close()
    assert SqliteLedger(sqlite_path).read("s") == written


def test_a_closed_ledger_opens_itself_again(sqlite_path: Path) -> None:
    ledger = SqliteLedger(sqlite_path)
    append(ledger)
    ledger.close()
    ledger.close()
    append(ledger)
    assert len(ledger.read("s")) == 2


def test_ledger_and_leases_share_one_file(sqlite_path: Path) -> None:
    append(SqliteLedger(sqlite_path))
    SqliteLocks(sqlite_path).acquire("x", holder="me", ttl=timedelta(seconds=1), now=AT, reason="")
    assert [path.name for path in sqlite_path.parent.iterdir() if path.suffix == ".db"] == ["ledger.db"]
    assert SqliteLedger(sqlite_path).streams("") == ("s",)


@pytest.mark.parametrize("statement", ["UPDATE events SET document = x'00'", "DELETE FROM events"])
def test_the_file_itself_resists_changes(sqlite_path: Path, statement: str) -> None:
    append(SqliteLedger(sqlite_path))
    with sqlite3.connect(sqlite_path) as foreign, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        foreign.execute(statement)


def tamper(path: Path, statement: str) -> None:
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.executescript("DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_removed;")
    foreign.execute(statement)
    foreign.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM events WHERE sequence = 2", "event 2 of s is missing"),
        ("DELETE FROM events WHERE sequence = 1", "event 1 of s is missing"),
        ("UPDATE events SET document = x'00' WHERE sequence = 2", "not an event document"),
        (
            "UPDATE events SET document = (SELECT document FROM events WHERE sequence = 1) WHERE sequence = 2",
            "lies event 1 of s",
        ),
    ],
)
def test_a_hole_is_found_by_reading(sqlite_path: Path, statement: str, said: str) -> None:
    append(SqliteLedger(sqlite_path), 3)
    tamper(sqlite_path, statement)
    with pytest.raises(IntegrityError, match=said):
        SqliteLedger(sqlite_path).read("s")


def test_a_changed_event_is_found_by_verifying(sqlite_path: Path) -> None:
    append(SqliteLedger(sqlite_path), 3)
    changed = "replace(CAST(document AS TEXT), '\"n\":1', '\"n\":7')"
    tamper(sqlite_path, f"UPDATE events SET document = {changed} WHERE sequence = 2")
    events = SqliteLedger(sqlite_path).read("s")
    assert events[1].payload == {"n": 7}
    with pytest.raises(IntegrityError, match="event 2"):
        verify("s", events)


def test_a_damaged_lease_is_an_integrity_error(sqlite_path: Path) -> None:
    locks = SqliteLocks(sqlite_path)
    locks.acquire("x", holder="me", ttl=None, now=AT, reason="")
    foreign = sqlite3.connect(sqlite_path, isolation_level=None)
    foreign.execute("UPDATE leases SET record = '{}'")
    foreign.close()
    with pytest.raises(IntegrityError, match="not a lease document"):
        locks.show("x")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("somebody's notes\n" * 100)
    with pytest.raises(IntegrityError) as refusal:
        append(SqliteLedger(path))
    assert str(path) in refusal.value.message
    assert refusal.value.exit_code is ExitCode.INTEGRITY
    assert path.read_text() == "somebody's notes\n" * 100


def test_a_directory_in_its_place_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        SqliteLedger(tmp_path).read("s")
    assert str(tmp_path) in refusal.value.message
    assert "ledger:" in refusal.value.hint


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be made"):
        SqliteLedger(tmp_path / "file" / "ledger.db").read("s")


def test_a_read_only_place_is_a_usage_error(sqlite_path: Path) -> None:
    # The whole /proc file system refuses new files, even to root, whom permissions do not stop.
    with pytest.raises(UsageError) as refusal:
        append(SqliteLedger(Path("/proc/self/ledger.db")))
    assert "/proc/self/ledger.db" in refusal.value.message


def test_a_file_that_others_keep_locked_is_unreachable_for_now(sqlite_path: Path) -> None:
    ours = SqliteFile(sqlite_path, patience=timedelta(milliseconds=50))
    with ours.reading() as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    foreign = sqlite3.connect(sqlite_path, isolation_level=None)
    foreign.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UnreachableError, match=r"locked by other processes, also after 0\.05 s"), ours.writing():
        pytest.fail("the transaction must not begin")
    foreign.execute("ROLLBACK")
    foreign.close()
    with ours.writing() as connection:
        assert connection.in_transaction


def test_a_statement_that_fails_for_another_reason_is_told_with_its_place(sqlite_path: Path) -> None:
    ours = SqliteFile(sqlite_path)
    with pytest.raises(DeliverkitError, match="no such table") as refusal, ours.writing() as connection:
        connection.execute("SELECT * FROM absent")
    assert str(sqlite_path) in refusal.value.message


FILLER = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from deliverkit.adapters.ledger_sqlite import SqliteLedger
from deliverkit.domain.ledger import Draft
from deliverkit.errors import DeliverkitError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
ledger, last = SqliteLedger(Path(sys.argv[1])), None
try:
    while True:
        draft = Draft("said", {"much": "x" * 5000})
        last = ledger.append("s", last, draft, actor="me", at=datetime(2026, 1, 5, tzinfo=UTC))
except DeliverkitError as error:
    print(last.sequence, error.message)
"""


def test_no_room_leaves_nothing_half_written(sqlite_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FILLER, str(sqlite_path)], capture_output=True, text=True, timeout=60, check=True
    )
    recorded, _, said = ended.stdout.partition(" ")
    assert str(sqlite_path) in said
    ledger = SqliteLedger(sqlite_path)
    assert verify("s", ledger.read("s")) == int(recorded) > 5
    append(ledger)
    assert len(ledger.read("s")) == int(recorded) + 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200_000


def test_a_full_disk_is_told_as_such(sqlite_path: Path) -> None:
    ledger = SqliteLedger(sqlite_path)
    append(ledger)
    # SQLite's own limit of pages gives the very error of a full disk.
    with ledger._file.writing() as connection:
        connection.execute("PRAGMA max_page_count = 10")
    with pytest.raises(DeliverkitError, match="cannot grow") as refusal:
        append(ledger, 10_000)
    assert "room" in refusal.value.hint
    assert verify("s", ledger.read("s")) >= 1
