"""Tag filters of deployment groups and requests (API reference: EC2TagFilter, EC2TagSet, OnPremisesTagSet)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deliverkit.sandbox.codedeploy.membership import EC2_FORMS, ON_PREMISES_FORMS
from deliverkit.sandbox.codedeploy.state import Json
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Params

TAG_FILTER_LIMIT = 10
TAG_GROUP_LIMIT = 3
_TYPES = frozenset({"KEY_ONLY", "VALUE_ONLY", "KEY_AND_VALUE"})


def check_tags(params: Params) -> None:
    """Old and new form exclude each other, on EC2 and on premises; three groups at most; filters are complete.

    Raises:
        ApiError: `InvalidEC2Tag-`, `InvalidTag-`, `InvalidEC2TagCombination-`, `InvalidOnPremisesTagCombination-` or
            `TagSetListLimitExceededException`.
    """
    _check_forms(params, EC2_FORMS, "InvalidEC2TagException", "InvalidEC2TagCombinationException")
    _check_forms(params, ON_PREMISES_FORMS, "InvalidTagException", "InvalidOnPremisesTagCombinationException")


def _check_forms(params: Params, forms: tuple[str, str, str], code: str, combination: str) -> None:
    plain, sets, groups_of_set = forms
    groups = (params.get(sets) or {}).get(groups_of_set) or ()
    if params.get(plain) and groups:
        raise ApiError(combination, f"{plain} and {sets} cannot be used together.")
    if len(groups) > TAG_GROUP_LIMIT:
        raise ApiError("TagSetListLimitExceededException", f"{sets} has more than {TAG_GROUP_LIMIT} groups.")
    check_filters((params.get(plain) or (), *groups), code)


def check_filters(groups: Iterable[Sequence[Json]], code: str) -> list[Json]:
    """Refuse incomplete filters and more than ten in a group.

    Returns:
        All filters.

    Raises:
        ApiError: The given code.
    """
    found: list[Json] = []
    for filters in groups:
        if len(filters) > TAG_FILTER_LIMIT:
            raise ApiError(code, f"More than {TAG_FILTER_LIMIT} tag filters in one group.")
        for tag_filter in filters:
            _check_filter(tag_filter, code)
        found.extend(filters)
    return found


def _check_filter(tag_filter: Json, code: str) -> None:
    kind, key = tag_filter.get("Type"), tag_filter.get("Key")
    has_enough = key or (kind in {None, "VALUE_ONLY"} and tag_filter.get("Value"))
    if not has_enough or kind not in {None, *_TYPES}:
        raise ApiError(code, f"The tag filter {dict(tag_filter)} is not valid.")
