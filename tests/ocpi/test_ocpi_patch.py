"""PATCH."""

from __future__ import annotations

import pytest

from elstrada.ocpi.body import Mismatch, Object
from elstrada.ocpi.patch import changes_identity, merged, patch_time

STORED: Object = {
    "id": "L1",
    "name": "Old",
    "evses": [{"uid": "1"}],
    "operator": {"name": "A", "website": "w"},
}


def test_r33_a_patch_without_last_updated_is_refused():
    with pytest.raises(Mismatch, match="last_updated"):
        patch_time({"name": "New"})


@pytest.mark.parametrize("value", [5, "soon", None])
def test_r33_a_last_updated_that_is_no_time_is_refused(value: object):
    with pytest.raises(Mismatch, match="last_updated"):
        patch_time({"last_updated": value})  # type: ignore[dict-item]


def test_fields_given_replace_and_others_stay():
    assert merged(STORED, {"name": "New"}) == STORED | {"name": "New"}


def test_null_takes_a_field_away():
    assert "name" not in merged(STORED, {"name": None})


def test_objects_inside_are_replaced_whole():
    assert merged(STORED, {"operator": {"name": "B"}})["operator"] == {"name": "B"}


def test_r37_named_lists_grow_and_a_resend_does_not_double_them():
    once = merged(
        {"charging_periods": [1]}, {"charging_periods": [2, 3]}, appended=frozenset({"charging_periods"})
    )
    twice = merged(once, {"charging_periods": [2, 3]}, appended=frozenset({"charging_periods"}))
    assert once == twice == {"charging_periods": [1, 2, 3]}


def test_r32_a_patch_must_not_rename_the_object():
    assert changes_identity(STORED, {"id": "L2"}) == "id"
    assert changes_identity(STORED, {"id": "l1"}) is None
    assert changes_identity(STORED, {"id": 7}) == "id"
