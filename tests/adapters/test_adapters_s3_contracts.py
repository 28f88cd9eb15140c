"""The S3 stores keep the contracts, through real boto3 and real HTTP."""

from __future__ import annotations

import pytest

from deliverkit.adapters.aws.ledger_s3 import S3Ledger
from deliverkit.adapters.aws.locks_s3 import S3Locks
from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.ports import Ledger, LockService, ReleaseStore
from deliverkit.testing.contracts import LedgerContract, LockContract, ReleaseStoreContract


class TestS3Ledger(LedgerContract):
    @pytest.fixture(params=["storefront/ledger", ""], ids=["prefix", "whole-bucket"])
    def ledger(self, place, request) -> Ledger:
        # Pages of five: every longer listing of the contract crosses a page's border.
        return S3Ledger(place.aws, bucket=place.bucket, prefix=request.param, page_size=5)


class TestS3Locks(LockContract):
    @pytest.fixture
    def locks(self, place) -> LockService:
        return S3Locks(place.aws, bucket=place.bucket, prefix="storefront/ledger")


class TestS3Releases(ReleaseStoreContract):
    @pytest.fixture(params=["storefront", ""], ids=["prefix", "whole-bucket"])
    def releases(self, place, request) -> ReleaseStore:
        return S3Releases(place.aws, bucket=place.bucket, prefix=request.param, page_size=2)
