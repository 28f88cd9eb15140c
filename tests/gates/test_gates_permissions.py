"""The permissions that checks are said to need; the bench of these checks sees that they make no other calls."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from cloud_bench import SERVICES

import deliverkit.adapters.aws
from deliverkit.domain.check_permissions import ACTIONS
from deliverkit.domain.gate import CheckKind

NAMES = {"lambda:InvokeFunction": "Invoke", "s3:GetObjectVersion": "GetObject", "s3:ListBucket": "ListObjectsV2"}
"""Actions whose operations are called otherwise."""
OF_KEYS = {"kms:Decrypt"}
"""Actions that AWS asks for on its own, when what is read is encrypted."""


@pytest.mark.parametrize("action", sorted({each for actions in ACTIONS.values() for each in actions} - OF_KEYS))
def test_every_action_is_one_that_aws_has_and_that_an_adapter_calls(action: str) -> None:
    services = {prefix: name for name, prefix in SERVICES.items()}
    prefix, _, called = action.partition(":")
    operation = NAMES.get(action, called)
    model = botocore.session.get_session().get_service_model(services.get(prefix, prefix))
    assert operation in model.operation_names
    rooms = Path(str(deliverkit.adapters.aws.__file__)).parent.glob("*.py")
    assert any(xform_name(operation) in room.read_text(encoding="utf-8") for room in rooms)


def test_kinds_are_called_as_they_are_configured() -> None:
    assert set(ACTIONS) <= set(CheckKind)
