"""What only S3 can do to a ledger and to leases: lost answers, denied permissions, tampering, racing machines."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from unreliable import aws_at

from deliverkit.adapters.aws.bucket import Bucket, Encryption
from deliverkit.adapters.aws.ledger_s3 import S3Ledger
from deliverkit.adapters.aws.locks_s3 import S3Locks
from deliverkit.domain.ledger import Draft, verify
from deliverkit.errors import ConflictError, IntegrityError, LockedError, UnreachableError, UsageError
from deliverkit.testing.contracts.ledger import add, insist
from deliverkit.testing.contracts.locks import NAME, NOW, TTL, take

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STREAM = "promotions/production-1"


def test_a_replacement_that_met_another_write_is_asked_for_again_only_while_it_may_succeed(
    place, network, shaky_aws
) -> None:
    ours, theirs = Bucket(shaky_aws, place.bucket), Bucket(place.aws, place.bucket)
    theirs.put("document", b"1")
    network.concerns = lambda asked: asked.startswith("PUT")
    network.deny, network.refusal = 1, (409, "ConditionalRequestConflict")
    ours.put("document", b"2", replacing=theirs.get("document"))
    read = theirs.get("document")
    assert read is not None
    assert read.body == b"2"
    theirs.put("document", b"3", replacing=read)
    network.deny = 1
    with pytest.raises(ConflictError):
        ours.put("document", b"4", replacing=read)
    assert network.deny == 0
    last = theirs.get("document")
    assert last is not None
    assert last.body == b"3"


def ledger_at(place, aws=None) -> S3Ledger:
    return S3Ledger(aws or place.aws, bucket=place.bucket, prefix="storefront/ledger")


def locks_at(place, aws=None) -> S3Locks:
    return S3Locks(aws or place.aws, bucket=place.bucket, prefix="storefront/ledger")


def keys(place) -> list[str]:
    return [item["Key"] for item in place.aws.client("s3").list_objects_v2(Bucket=place.bucket).get("Contents", ())]


def test_each_event_is_one_encrypted_readable_object(place) -> None:
    event = add(ledger_at(place), None)
    assert keys(place) == ["storefront/ledger/promotions/production-1/000000000001.json"]
    stored = place.aws.client("s3").get_object(Bucket=place.bucket, Key=keys(place)[0])
    assert stored["ServerSideEncryption"] == "aws:kms"
    assert stored["ContentType"] == "application/json"
    assert json.loads(stored["Body"].read())["digest"] == event.digest


def test_the_encryption_can_be_chosen(place) -> None:
    key = place.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    add(S3Ledger(place.aws, bucket=place.bucket, prefix="a", encryption=Encryption("AES256")), None)
    add(S3Ledger(place.aws, bucket=place.bucket, prefix="b", encryption=Encryption("aws:kms", key)), None)
    heads = [place.aws.client("s3").head_object(Bucket=place.bucket, Key=each) for each in keys(place)]
    assert [head["ServerSideEncryption"] for head in heads] == ["AES256", "aws:kms"]
    assert heads[1]["SSEKMSKeyId"] == key


def test_leases_beside_the_ledger_are_no_streams(place) -> None:
    take(locks_at(place), "ann")
    add(ledger_at(place), None)
    assert ledger_at(place).streams("") == (STREAM,)


def test_a_lost_answer_is_recognised_as_our_own_write(place, network, shaky_aws) -> None:
    ledger = ledger_at(place, shaky_aws)
    first = add(ledger, None)
    network.concerns = lambda asked: asked.startswith("PUT")
    network.lose_answers = 1
    second = add(ledger, first)
    puts = [asked for asked in network.seen if asked.startswith("PUT") and "0002.json" in asked]
    assert len(puts) == 2
    assert ledger.read(STREAM) == (first, second)


def test_a_lost_race_during_a_lost_answer_is_still_a_lost_race(place, network, shaky_aws) -> None:
    """The winner says the very same in the same microsecond, and comes between our two attempts."""
    ledger = ledger_at(place, shaky_aws)
    network.concerns = lambda asked: asked.startswith("PUT")
    network.between = lambda: add(ledger_at(place), None)
    network.lose_answers = 1
    with pytest.raises(ConflictError, match="has another event 1 already"):
        add(ledger, None)
    assert len(ledger.read(STREAM)) == 1


def test_a_lost_answer_to_a_lease_is_recognised(place, network, shaky_aws) -> None:
    locks = locks_at(place, shaky_aws)
    network.concerns = lambda asked: asked.startswith("PUT")
    network.lose_answers = 1
    lease = take(locks, "ann")
    network.lose_answers = 1
    renewed = locks.renew(lease, ttl=TTL, now=NOW + timedelta(seconds=5))
    assert locks.show(NAME) == renewed
    assert renewed.token == lease.token == 1


def test_a_lease_taken_between_reading_and_writing_is_respected(place, network, shaky_aws) -> None:
    old = take(locks_at(place), "ann")
    network.concerns = lambda asked: asked.startswith("PUT")
    network.between = lambda: take(locks_at(place), "bob", now=NOW + TTL)
    with pytest.raises(LockedError, match="bob"):
        take(locks_at(place, shaky_aws), "cid", now=NOW + TTL)
    shown = locks_at(place).show(NAME)
    assert shown is not None
    assert (shown.holder, shown.token) == ("bob", old.token + 1)


def test_a_lease_that_never_holds_still_is_given_up(place, network, shaky_aws) -> None:
    network.concerns = lambda asked: asked.startswith("PUT")
    network.deny, network.refusal = 99, (412, "PreconditionFailed")
    with pytest.raises(UnreachableError, match="20 times in a row"):
        take(locks_at(place, shaky_aws), "ann")
    assert network.deny == 79


def test_machines_race_for_places_and_nobody_loses_an_event(place, adapters_sandbox) -> None:
    machines = [ledger_at(place, aws_at(adapters_sandbox.endpoint)) for _ in range(3)]
    kinds = [(machine, f"machine{n}.said{k}") for n, machine in enumerate(machines) for k in range(3)]
    with ThreadPoolExecutor(len(machines)) as pool:
        list(pool.map(lambda pair: insist(*pair), kinds))
    events = ledger_at(place).read(STREAM)
    assert verify(STREAM, events) == len(kinds)
    assert sorted(event.kind for event in events) == sorted(kind for _, kind in kinds)


def test_a_denied_write_is_told_and_leaves_nothing(place, network, shaky_aws) -> None:
    network.concerns = lambda asked: asked.startswith("PUT")
    network.deny = 1
    with pytest.raises(UnreachableError, match="AccessDenied") as refusal:
        add(ledger_at(place, shaky_aws), None)
    assert f"s3://{place.bucket}/storefront/ledger/promotions/production-1" in refusal.value.message
    assert keys(place) == []


def test_a_missing_bucket_is_a_matter_of_configuration(aws) -> None:
    ledger = S3Ledger(aws, bucket="nobody-made-this", prefix="x")
    locks = S3Locks(aws, bucket="nobody-made-this", prefix="x")
    for act in (
        lambda: add(ledger, None),
        lambda: ledger.read(STREAM),
        lambda: ledger.streams(""),
        lambda: take(locks, "ann"),
        lambda: locks.show(NAME),
    ):
        with pytest.raises(UsageError, match="there is no bucket nobody-made-this") as refusal:
            act()
        assert "aws s3 mb s3://nobody-made-this" in refusal.value.hint


@pytest.mark.parametrize("stream", ["", "a/b/c", "../up", "a b", "promotions/", "/x", ".locks/x", "ä"])
def test_names_that_cannot_be_keys_are_refused(place, stream: str) -> None:
    with pytest.raises(UsageError, match="cannot name a stream"):
        add(ledger_at(place), None, stream=stream)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key(2)), "event 2 of .* is missing"),
        (lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key(1)), "event 1 of .* is missing"),
        (lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key(2), Body=b"{}"), "not an event document"),
        (
            lambda s3, bucket, key: s3.copy_object(
                Bucket=bucket, Key=key(2), CopySource={"Bucket": bucket, "Key": key(1)}
            ),
            "lies event 1",
        ),
    ],
    ids=["hole", "beginning", "garbage", "another event"],
)
def test_a_hole_is_found_by_reading(place, change, said: str) -> None:
    ledger = ledger_at(place)
    last = None
    for _ in range(3):
        last = add(ledger, last)
    change(place.aws.client("s3"), place.bucket, lambda n: f"storefront/ledger/promotions/production-1/{n:012d}.json")
    with pytest.raises(IntegrityError, match=said):
        ledger.read(STREAM)


def test_foreign_objects_beside_the_events_are_ignored(place) -> None:
    event = add(ledger_at(place), None)
    folder = "storefront/ledger/promotions/production-1/"
    for name in ("README.txt", "000000000002.json.bak", "deeper/000000000002.json"):
        place.aws.client("s3").put_object(Bucket=place.bucket, Key=folder + name, Body=b"note")
    assert ledger_at(place).read(STREAM) == (event,)
    assert ledger_at(place).streams("promotions/") == (STREAM,)


def test_a_damaged_lease_is_an_integrity_error(place) -> None:
    take(locks_at(place), "ann")
    place.aws.client("s3").put_object(Bucket=place.bucket, Key=keys(place)[0], Body=b"{}")
    with pytest.raises(IntegrityError, match="not a lease document"):
        locks_at(place).show(NAME)


def test_a_document_that_vanished_cannot_be_replaced(place) -> None:
    bucket = Bucket(place.aws, place.bucket)
    bucket.put("x.json", b"1")
    document = bucket.get("x.json")
    place.aws.client("s3").delete_object(Bucket=place.bucket, Key="x.json")
    with pytest.raises(ConflictError):
        bucket.put("x.json", b"2", replacing=document)
    assert bucket.get("x.json") is None


def test_a_payload_of_a_megabyte_survives(place) -> None:
    text = "ä" * 500_000
    ledger = ledger_at(place)
    event = ledger.append(STREAM, None, Draft("thing.happened", {"text": text}), actor="me", at=AT)
    assert ledger.read(STREAM) == (event,)
