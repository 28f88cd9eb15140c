"""Releases over their whole life in two regions, as people type it: copied, compared, promoted, removed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shop import DIRECT, Shop

EUROPE = "eu-west-1"
COPIES = "storefront-releases-europe"
REGIONS = DIRECT.replace("regions: [us-east-1]", f"waves: [[us-east-1], [{EUROPE}]]").replace(
    "  store: s3://storefront-releases/storefront\n",
    f"""\
  store: s3://storefront-releases/storefront
  replicas: {{{EUROPE}: s3://{COPIES}/copies}}
  keep: {{last: 1, for: 1s}}
  tickets: {{pattern: "SHOP-[0-9]+", url: "https://jira.example.com/browse/{{}}"}}
""",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop.open(Path(tmp_path_factory.mktemp("shop")), configuration=REGIONS)
    git(opened, "init", "-q", "-b", "main")
    (opened.directory / ".gitignore").write_text("build/\n.deliverkit/\n", encoding="utf-8")
    opened.start()
    yield opened
    opened.stop()


def git(shop: Shop, *arguments: str) -> None:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=shop.directory, check=True, capture_output=True)


def commit(shop: Shop, subject: str) -> None:
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "--allow-empty", "-m", subject)


def keys(shop: Shop, bucket: str, region: str) -> list[str]:
    found = shop.aws("s3api", "list-object-versions", "--bucket", bucket, "--region", region) or {}
    return [each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind) or []]


def bundle_of(shop: Shop, version: str) -> dict[str, Any]:
    return dict(shop.must("release", "show", version, "--output", "json").document)


def test_the_life_of_releases(shop: Shop) -> None:
    # A release is copied to the other region while it is packaged, and proven there.
    commit(shop, "SHOP-1 the first shop")
    shop.build("1.0.0")
    packaged = shop.must("package")
    assert f"copied to {EUROPE}, proven by digest" in packaged.err
    shown = bundle_of(shop, "1.0.0")
    assert [each["region"] for each in shown["replicas"]] == [EUROPE]
    assert shown["content"]["files"] > 3

    # An environment that has served nothing says so, and one that there is not is no environment to plan for.
    assert shop.must("release", "list", "--environment", "dev").out == "dev has served no release yet\n"
    assert shop.must("release", "list", "--environment", "dev", "--output", "json").document == []
    asked = shop.run("release", "list", "--environment", "mars")
    assert (asked.code, asked.out) == (2, "")
    assert "there is no environment mars; the configuration has dev" in asked.err
    assert "next: deliverkit release list --environment dev" in asked.err

    # Each region deploys from its own bucket.
    assert shop.run("promote", "1.0.0", "--to", "dev").code == 0
    group = ("--application-name", "storefront", "--deployment-group-name", "storefront-dev")
    for region, bucket in (("us-east-1", "storefront-releases"), (EUROPE, COPIES)):
        found = shop.aws("deploy", "get-deployment-group", *group, "--region", region)
        assert found["deploymentGroupInfo"]["targetRevision"]["s3Location"]["bucket"] == bucket

    # What the next one brings is told before anybody decides.
    commit(shop, "SHOP-2 prices in euros")
    shop.release("2.0.0")
    compared = shop.must("release", "diff", "--from", "dev")
    assert compared.out.startswith("1.0.0 (")
    for told in ("~ storefront/VERSION", "1 new", "SHOP-2 prices in euros", "https://jira.example.com/browse/SHOP-2"):
        assert told in compared.out, compared
    document = shop.must("release", "diff", "1.0.0", "2.0.0", "--output", "json").document
    assert [ticket["name"] for ticket in document["tickets"]] == ["SHOP-2"]
    assert "storefront/VERSION" in [pair["new"]["path"] for pair in document["files"]["changed"]]
    assert "[SHOP-2](https://jira.example.com/browse/SHOP-2)" in shop.must("release", "diff", "--markdown").out
    assert shop.run("promote", "2.0.0", "--to", "dev").code == 0

    # A copy that was lost stops a promotion before it begins; replicating makes it anew.
    for version in ("3.0.0", "4.0.0"):
        shop.release(version)
    lost = bundle_of(shop, "4.0.0")["replicas"][0]["bundle"]
    place = ("--bucket", COPIES, "--key", lost["key"], "--version-id", lost["version_id"])
    shop.aws("s3api", "delete-object", *place, "--region", EUROPE)
    refused = shop.run("promote", "4.0.0", "--to", "dev")
    assert refused.code == 1, refused
    assert "next: deliverkit release replicate 4.0.0 --to eu-west-1" in refused.err
    copied = shop.must("release", "replicate", "4.0.0", "--to", EUROPE, "--verify")
    assert "proven by content" in copied.out

    # Who serves what, the newest first.
    listed = shop.must("release", "list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["VERSION", "4.0.0", "3.0.0", "2.0.0", "1.0.0"]
    assert "serves dev" in listed.out.splitlines()[3]
    limited = shop.must("release", "list", "--limit", "1", "--environment", "dev", "--output", "json").document
    assert [(each["version"], each["serves"]) for each in limited] == [("2.0.0", ["dev"])]

    # Pruning shows its plan, and does nothing without --yes.
    gone = bundle_of(shop, "3.0.0")
    digits = gone["bundle"]["key"].rpartition("/")[2].partition(".")[0]
    before = keys(shop, "storefront-releases", "us-east-1")
    planned = shop.must("release", "prune")
    assert keys(shop, "storefront-releases", "us-east-1") == before
    rows = {line.split()[1]: line for line in planned.out.splitlines()[:-1]}
    assert rows["3.0.0"].startswith("removes")
    assert "serves dev" in rows["2.0.0"]
    assert "way back of dev" in rows["1.0.0"]
    assert "among the newest 1" in rows["4.0.0"]
    assert "deliverkit release prune --yes" in planned.err
    pruned = shop.must("release", "prune", "--yes")
    assert "reading the records of all releases" in pruned.err
    assert "removing 3.0.0 (1 of 1)" in pruned.err
    assert pruned.out.startswith("removed   3.0.0"), pruned
    told = (digits, gone["digest"].removeprefix("sha256:"), gone["manifest"].removeprefix("sha256:"), "3.0.0")
    left = [*keys(shop, "storefront-releases", "us-east-1"), *keys(shop, COPIES, EUROPE)]
    assert not [key for key in left if any(word in key for word in told)]
    assert [key for key in before if told[1] in key]  # its statements
    for words in (("release", "show", "3.0.0"), ("release", "verify", "3.0.0"), ("promote", "3.0.0", "--to", "dev")):
        asked = shop.run(*words)
        assert (asked.code, asked.out) == (1, ""), asked
        assert re.search(r"3\.0\.0 \(\w{12}\) was pruned 20\S+ \S+ UTC by arn:aws:iam::\S+: older than 1s", asked.err)
        assert "next: deliverkit ledger log" in asked.err
    assert "release.pruned" in shop.must("ledger", "log").out
    shop.must("ledger", "verify")

    # What stayed still works: back to the first one, from each region's bucket.
    assert shop.run("rollback", "dev").code == 0
    assert shop.serving("dev") == {"1.0.0"}


def test_what_a_killed_packaging_left_goes_once_it_is_old(shop: Shop) -> None:
    """Killed between the bundle and its record, and in the middle of an upload; a day later by the sandbox's clock."""
    commit(shop, "SHOP-6 six")
    shop.release("6.0.0")
    left = bundle_of(shop, "6.0.0")
    place = ("--bucket", "storefront-releases", "--key")
    shop.aws("s3api", "delete-object", *place, "storefront/releases/6.0.0.json")
    digits = (left["bundle"]["key"].rpartition("/")[2].partition(".")[0], left["digest"].removeprefix("sha256:"))
    # A packaging copies only what is on record.
    shop.aws("s3api", "delete-object", *place, f"storefront/replicas/{digits[0]}/{EUROPE}.json")
    key = f"storefront/bundles/{'0' * 64}.zip"
    shop.aws("s3api", "create-multipart-upload", *place, key)
    name = left["bundle"]["key"].rpartition("/")[2]

    young = shop.must("release", "prune", "--output", "json").document["strays"]
    assert {each["stray"]["key"].rpartition("/")[2]: each["reasons"] for each in young} == {
        name: ["younger than 1d"],
        f"{'0' * 64}.zip": ["younger than 1d"],
    }
    pruned = shop.must("release", "prune", "--yes", "--output", "json").document
    assert {each["kind"] for each in pruned} <= {"release"}

    shop.must("sandbox", "clock", "advance", "25h")
    planned = shop.must("release", "prune")
    assert f"removes  bundle {name[:12]}" in planned.out
    assert f"removes  upload {'0' * 12}" in planned.out
    assert "next: deliverkit release prune --yes" in planned.err
    swept = shop.must("release", "prune", "--yes")
    assert f"removed   bundle {name}" in swept.out
    assert f"removed   upload {'0' * 64}.zip" in swept.out
    stays = [key for key in keys(shop, "storefront-releases", "us-east-1") if any(word in key for word in digits)]
    assert {key.split("/")[1] for key in stays} == {"replicas"}
    assert not (shop.aws("s3api", "list-multipart-uploads", "--bucket", "storefront-releases") or {}).get("Uploads")
    assert "bundle.pruned" in shop.must("ledger", "log").out
    shop.must("ledger", "verify")
    assert shop.must("release", "prune", "--yes").out == ""


def test_the_list_tells_signed_from_unsigned(shop: Shop) -> None:
    commit(shop, "SHOP-7 seven")
    shop.release("7.0.0")
    head, *rows = shop.must("release", "list").out.splitlines()
    place = slice(head.index("PROVENANCE"), head.index("STANDING"))
    assert {row[place].strip() for row in rows} == {"unsigned"}
    assert {each["signing"] for each in shop.must("release", "list", "--output", "json").document} == {"unsigned"}
    refused = shop.run("release", "list", "--limit", "0")
    assert (refused.code, "--limit: '0' is not a whole number from 1 on" in refused.err) == (2, True), refused


def test_nothing_is_pruned_where_nobody_said_what_to_keep(shop: Shop) -> None:
    path = shop.directory / "deliverkit.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  keep: {last: 1, for: 1s}\n", ""), encoding="utf-8")
    refused = shop.run("release", "prune", "--yes")
    path.write_text(text, encoding="utf-8")
    assert refused.code == 2
    assert "release.keep" in refused.err
