"""PATCH."""

from __future__ import annotations

import pytest
from ocpi_fixtures import SESSION

from elstrada.ocpi.body import Mismatch, Object, shape
from elstrada.ocpi.patch import changes_identity, merged, once_each, patch_time
from elstrada.ocpi.v221.sessions import APPENDED
from elstrada.ocpi.versions import LANGUAGES

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


def test_r37_named_lists_grow():
    patched = merged(
        {"charging_periods": [1]}, {"charging_periods": [2]}, appended=frozenset({"charging_periods"})
    )
    assert patched == {"charging_periods": [1, 2]}


def test_r37_a_patch_of_a_session_sent_again_adds_nothing():
    words = LANGUAGES["2.2.1"].session
    session, identity = words.read(shape(SESSION, words.wire), str)
    period = SESSION["charging_periods"][0]
    again = {"charging_periods": [period | {"start_date_time": "2026-02-03T10:00:00.000+00:00"}]}
    patched, _ = words.patched(session, identity, again, str, APPENDED)
    assert len(patched.charging_periods) == 2
    assert once_each(patched) == session


def test_r32_a_patch_must_not_rename_the_object():
    assert changes_identity(STORED, {"id": "L2"}) == "id"
    assert changes_identity(STORED, {"id": "l1"}) is None
    assert changes_identity(STORED, {"id": 7}) == "id"
