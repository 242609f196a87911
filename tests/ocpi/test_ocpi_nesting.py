"""Locations whose EVSEs and connectors change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ocpi_fixtures import CONNECTOR, EVSE, LOCATION, but

from elstrada.model.location import Evse
from elstrada.ocpi.body import Mismatch, Object, shape
from elstrada.ocpi.language import Language
from elstrada.ocpi.nesting import (
    find_connector,
    find_evse,
    patched_connector,
    patched_evse,
    patched_location,
    with_connector,
    with_evse,
)
from elstrada.ocpi.versions import LANGUAGES

WORDS = LANGUAGES["2.2.1"]
HERE = WORDS.location.read(shape(LOCATION, WORDS.location.wire)).value
[THE_EVSE] = HERE.evses
[THE_CONNECTOR] = THE_EVSE.connectors
OLD: Object = {"last_updated": "2020-01-01T00:00:00Z"}
NEW: Object = {"last_updated": "2026-05-01T00:00:00Z"}


def evse_of(document: Object) -> Evse:
    return WORDS.evse.read(shape(document, WORDS.evse.wire)).value


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_r34_an_older_patch_changes_nothing_at_any_level(words: Language):
    assert patched_location(words, HERE, OLD | {"name": "X"}) is HERE
    assert patched_evse(words, HERE, THE_EVSE, OLD | {"status": "CHARGING"}) is HERE
    assert patched_connector(words, HERE, THE_EVSE, THE_CONNECTOR, OLD | {"format": "SOCKET"}) is HERE


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_r35_a_newer_patch_raises_all_above(words: Language):
    free: Object = {"tariff_id": None} if words.version == "2.1.1" else {"tariff_ids": []}
    patched = patched_connector(words, HERE, THE_EVSE, THE_CONNECTOR, NEW | free)
    [evse] = patched.evses
    assert patched.last_updated == evse.last_updated == evse.connectors[0].last_updated
    assert patched.last_updated == datetime(2026, 5, 1, tzinfo=UTC)
    assert evse.connectors[0].tariff_ids == ()


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_r33_a_patch_without_a_date_is_refused_at_any_level(words: Language):
    for patch in (
        lambda: patched_location(words, HERE, {"name": "X"}),
        lambda: patched_evse(words, HERE, THE_EVSE, {"status": "CHARGING"}),
        lambda: patched_connector(words, HERE, THE_EVSE, THE_CONNECTOR, {"format": "SOCKET"}),
    ):
        with pytest.raises(Mismatch, match="last_updated"):
            patch()


def test_an_older_evse_or_connector_put_lowers_no_date_above():
    evse = evse_of(but(EVSE, **OLD))
    assert with_evse(HERE, evse).last_updated == HERE.last_updated
    connector = WORDS.connector.read(shape(but(CONNECTOR, id="2", **OLD), WORDS.connector.wire)).value
    put = with_connector(HERE, THE_EVSE, connector)
    assert (put.last_updated, put.evses[0].last_updated) == (HERE.last_updated, THE_EVSE.last_updated)
    assert [known.id for known in put.evses[0].connectors] == ["1", "2"]


def test_r22_ids_are_found_in_any_case_and_keep_theirs():
    assert find_evse(HERE, "e1") is THE_EVSE
    assert find_connector(THE_EVSE, "1") is THE_CONNECTOR
    put = with_evse(HERE, evse_of(but(EVSE, uid="e1")))
    assert [evse.uid for evse in put.evses] == ["e1"]
