"""What the benches measure is so: memory, turns, ratios, trees, and a stand-in for S3 that boto3 believes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "benches"))

import paired  # noqa: E402
import table  # noqa: E402
import trees  # noqa: E402
import upload  # noqa: E402

MIB = 1 << 20


def python(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", text]


def runs(*walls: float) -> list[paired.Run]:
    return [paired.Run(wall, wall, 1, 1) for wall in walls]


# --- measuring ------------------------------------------------------------------------------------


def test_memory_is_the_contestants_and_not_that_of_the_bench_which_started_it() -> None:
    ballast = bytearray(os.urandom(MIB)) * 150
    run = paired.measure(paired.Contestant("sleeps", ["sleep", "0.2"]))
    assert len(ballast) > 100 * MIB
    assert run.peak < 8
    assert run.together < 8


def test_memory_of_all_processes_is_added_up_and_that_of_the_largest_is_told_apart() -> None:
    hungry = "import time; held = bytearray(50 << 20); held[::4096] = b'x' * len(held[::4096]); time.sleep(0.5)"
    both = f"'{sys.executable}' -I -S -c \"$0\" & '{sys.executable}' -I -S -c \"$0\"; wait"
    run = paired.measure(paired.Contestant("two", ["sh", "-c", both, hungry]))
    assert 50 < run.peak < 80
    assert 100 < run.together < 160


def test_the_time_that_children_use_counts() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    run = paired.measure(paired.Contestant("parent", ["sh", "-c", '"$0" -I -S -c "$1"; true', sys.executable, busy]))
    assert run.cpu >= 0.3
    assert run.wall >= 0.3


def test_a_contestant_may_tell_what_its_work_alone_took() -> None:
    said = 'print(\'talk\'); print(\'{"wall": 1.5, "cpu": 0.5, "out": 7}\')'
    run = paired.measure(paired.Contestant("tells", python(said), tells=True))
    assert (run.wall, run.cpu, run.out) == (1.5, 0.5, 7)


def test_contestants_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    both = [paired.Contestant(name, ["sh", "-c", f"echo {name} >> '{log}'"]) for name in "ab"]
    paired.compete("turns", 1, both, rounds=3)
    assert log.read_text().split() == ["a", "b"] * 3


def test_one_that_fails_is_out_with_its_last_words_and_the_others_go_on() -> None:
    ours, bad = paired.Contestant("ours", ["true"]), paired.Contestant("bad", ["sh", "-c", "echo no disk >&2; exit 3"])
    row = paired.compete("turns", 1, [ours, bad], rounds=2)
    assert len(ours.runs) == 2
    assert "exit 3" in bad.failure
    assert "no disk" in bad.failure
    assert row.ratio("wall", "ours", "bad") is None


def test_one_that_makes_nothing_has_failed(tmp_path: Path) -> None:
    lazy = paired.Contestant("lazy", ["true"], out=tmp_path / "bundle.zip")
    paired.compete("turns", 1, [lazy], rounds=1)
    assert "made no bundle.zip" in lazy.failure


def test_what_a_contestant_made_is_measured_and_removed(tmp_path: Path) -> None:
    out = tmp_path / "made"
    run = paired.measure(paired.Contestant("makes", ["sh", "-c", f"printf 12345 > '{out}'"], out=out))
    assert run.out == 5
    assert not out.exists()


def test_a_ratio_is_the_median_over_rounds_and_not_that_of_the_medians() -> None:
    # The machine was three times as slow in one round, for both.
    ours, theirs = paired.Contestant("ours", []), paired.Contestant("theirs", [])
    ours.runs, theirs.runs = runs(1, 3, 2), runs(2, 6, 8)
    row = paired.Row("work", 1, [ours, theirs])
    assert row.ratio("wall", "ours", "theirs") == 0.5


@pytest.mark.parametrize(("value", "verdict"), [(0.2, "met"), (0.21, "missed"), (None, "not measured")])
def test_a_goal_without_a_figure_is_not_met(value: float | None, verdict: str) -> None:
    assert paired.Goal("time", 0.2, value).verdict == verdict


# --- trees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "size", "ratio"),
    [(trees.source_like, 8192, 0.45), (trees.jar_like, MIB, 0.66), (trees.incompressible, MIB, 1)],
)
def test_content_compresses_as_it_is_meant_to_and_follows_the_seed(content: Any, size: int, ratio: float) -> None:
    made = [b"".join(content(random.Random(seed), size)) for seed in (1, 1, 2, 3, 4)]
    assert made[0] == made[1] != made[2]
    assert {len(each) for each in made} == {size}
    assert sum(len(zlib.compress(each, 6)) for each in made[1:]) / (4 * size) == pytest.approx(ratio, abs=0.03)


def test_a_tree_at_a_scale_has_fewer_files_or_a_smaller_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees.tempfile, "tempdir", str(tmp_path))
    small, huge = trees.SMALL.make(0.001), trees.HUGE.make(0.001)
    assert (small.files, small.size) == (20, 20 * 8192)
    assert huge.files == 1
    assert huge.size == sum(file.stat().st_size for file in huge.path.rglob("*.bin")) == round(2048 * MIB * 0.001)
    assert (small.path / "appspec.yml").is_file()


# --- the stand-in for S3 --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with upload.stub(tmp_path_factory.mktemp("stub")) as found:
        yield boto3.client(
            "s3",
            endpoint_url=found["AWS_ENDPOINT_URL"],
            verify=found["AWS_CA_BUNDLE"],
            region_name="us-east-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",
            config=Config(retries={"total_max_attempts": 1}),
        )


@pytest.mark.parametrize("size", [0, 1, 5000, MIB, MIB + 1, 3 * MIB])
def test_an_object_has_the_size_and_the_checksum_that_were_sent(s3: Any, size: int) -> None:
    put = s3.put_object(Bucket="sizes", Key=f"of {size}", Body=b"x" * size, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket="sizes", Key=f"of {size}", ChecksumMode="ENABLED")
    assert head["ContentLength"] == size
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"x" * size).digest()).decode()
    assert (head["ETag"], head["VersionId"]) == (put["ETag"], put["VersionId"])


def test_small_objects_are_kept_and_conditions_hold(s3: Any) -> None:
    s3.put_object(Bucket="records", Key="a/1.json", Body=b"{}", IfNoneMatch="*", Metadata={"nonce": "n"})
    answer = s3.get_object(Bucket="records", Key="a/1.json")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"{}", {"nonce": "n"})
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="records", Key="a/1.json", Body=b"[]", IfNoneMatch="*")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="records", Key="a/2.json")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="records", Prefix="a/")["Contents"]] == ["a/1.json"]


def test_parts_make_an_object_with_the_checksum_of_their_checksums(s3: Any) -> None:
    place = {"Bucket": "parts", "Key": "bundle"}
    upload_ = {**place, "UploadId": s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")["UploadId"]}
    parts, digests = [], b""
    for number, body in ((1, b"a" * 5 * MIB), (2, b"b")):
        answer = s3.upload_part(**upload_, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
        digests += hashlib.sha256(body).digest()
    listed = s3.list_parts(**upload_)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 5 * MIB), (2, 1)]
    s3.complete_multipart_upload(**upload_, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    head = s3.head_object(**place, ChecksumMode="ENABLED")
    assert head["ContentLength"] == 5 * MIB + 1
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.abort_multipart_upload(**upload_)


# --- the docs and the command ---------------------------------------------------------------------


def test_figures_go_between_the_markers_of_their_bench_and_nowhere_else() -> None:
    page = "before\n<!-- figures of one -->\nold\n<!-- end of one -->\nafter\n"
    once = table.placed(page, "one", "new \\1\n")
    assert once == "before\n<!-- figures of one -->\n\nnew \\1\n\n<!-- end of one -->\nafter\n"
    assert table.placed(once, "one", "new \\1\n") == once
    with pytest.raises(SystemExit, match="no place for two"):
        table.placed(page, "two", "new")


def test_the_page_has_a_place_for_each_paired_bench() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    for bench in ("package", "upload"):
        assert table.placed(page, bench, "figures") != page


@pytest.mark.parametrize(("bench", "row"), [("package", "again"), ("upload", "alone"), ("upload", "small")])
def test_a_bench_still_knows_how_to_run_us_and_aws(bench: str, row: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, ROOT / "scripts" / "benches" / f"{bench}.py", "--json", report, "--only", row]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(
        [*command, "--scale", "0.001", "--rounds", "1"], env=environment, capture_output=True, text=True, check=True
    )
    (measured,) = json.loads(report.read_text())["rows"]
    known = [each for each in measured["contestants"] if each["name"].startswith(("deliverkit", "aws", "boto3"))]
    assert len(known) >= 3
    assert not [each["note"] for each in known if each["note"]]
    assert "stub: not known" not in ran.stderr
    assert measured["title"] in ran.stdout


def test_the_command_names_the_benches_and_nothing_else() -> None:
    helped = subprocess.run([ROOT / "scripts" / "bench", "--help"], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in helped.stdout.splitlines() if line.startswith("  ")]
    assert {"package", "upload", "sandbox", "table"} <= set(names)
    assert not {"paired", "stub", "launcher", "trees"} & set(names)
    refused = subprocess.run([ROOT / "scripts" / "bench", "paired"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "package" in refused.stderr
