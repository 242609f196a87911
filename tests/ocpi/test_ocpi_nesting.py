"""Locations whose EVSEs and connectors change."""

from __future__ import annotations

import pytest
from ocpi_fixtures import CONNECTOR, EVSE, LOCATION, but

from elstrada.ocpi.body import Mismatch, Object, shape
from elstrada.ocpi.v221.locations import Connector, Evse, Location
from elstrada.ocpi.v221.nesting import (
    find_connector,
    find_evse,
    patched_connector,
    patched_evse,
    patched_location,
    with_connector,
    with_evse,
)

HERE = shape(LOCATION, Location)
[THE_EVSE] = HERE.evses
[THE_CONNECTOR] = THE_EVSE.connectors
OLD: Object = {"last_updated": "2020-01-01T00:00:00Z"}
NEW: Object = {"last_updated": "2026-05-01T00:00:00Z"}


def test_r34_an_older_patch_changes_nothing_at_any_level():
    assert patched_location(HERE, OLD | {"name": "X"}) is HERE
    assert patched_evse(HERE, THE_EVSE, OLD | {"status": "CHARGING"}) is HERE
    assert patched_connector(HERE, THE_EVSE, THE_CONNECTOR, OLD | {"format": "SOCKET"}) is HERE


def test_r35_a_newer_patch_raises_all_above():
    patched = patched_connector(HERE, THE_EVSE, THE_CONNECTOR, NEW | {"tariff_ids": []})
    [evse] = patched.evses
    assert str(patched.last_updated) == str(evse.last_updated) == str(evse.connectors[0].last_updated)
    assert str(patched.last_updated) == NEW["last_updated"]
    assert evse.connectors[0].tariff_ids == ()


def test_r33_a_patch_without_a_date_is_refused_at_any_level():
    for patch in (
        lambda: patched_location(HERE, {"name": "X"}),
        lambda: patched_evse(HERE, THE_EVSE, {"status": "CHARGING"}),
        lambda: patched_connector(HERE, THE_EVSE, THE_CONNECTOR, {"format": "SOCKET"}),
    ):
        with pytest.raises(Mismatch, match="last_updated"):
            patch()


def test_an_older_evse_or_connector_put_lowers_no_date_above():
    evse = shape(but(EVSE, **OLD), Evse)
    assert with_evse(HERE, evse).last_updated == HERE.last_updated
    connector = shape(but(CONNECTOR, id="2", **OLD), Connector)
    put = with_connector(HERE, THE_EVSE, connector)
    assert (put.last_updated, put.evses[0].last_updated) == (HERE.last_updated, THE_EVSE.last_updated)
    assert [known.id for known in put.evses[0].connectors] == ["1", "2"]


def test_r22_ids_are_found_in_any_case_and_keep_theirs():
    assert find_evse(HERE, "e1") is THE_EVSE
    assert find_connector(THE_EVSE, "1") is THE_CONNECTOR
    put = with_evse(HERE, shape(but(EVSE, uid="e1"), Evse))
    assert [evse.uid for evse in put.evses] == ["e1"]
