"""A location with one of its EVSEs or connectors put or patched: what happens below raises what is above.

Source: OCPI 2.2.1 mod_locations, receiver PUT and PATCH; R-33, R-34, R-35, R-38.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.location import Connector, Evse, Location
from elstrada.ocpi.body import Object
from elstrada.ocpi.language import Language
from elstrada.ocpi.patch import EVER, is_older, patch_time
from elstrada.ocpi.scalars import same


def find_evse(location: Location, evse_uid: str) -> Evse | None:
    return next((evse for evse in location.evses if same(evse.uid, evse_uid)), None)


def find_connector(evse: Evse, connector_id: str) -> Connector | None:
    return next((connector for connector in evse.connectors if same(connector.id, connector_id)), None)


def with_evse(location: Location, evse: Evse, now: datetime = EVER) -> Location:
    """The location with this EVSE in the place of the one of its uid, or added at the end.

    Unchanged where it knows better already (R-34).
    """
    others = location.evses
    known = find_evse(location, evse.uid)
    if known is not None and is_older(evse.last_updated, known.last_updated, now):
        return location
    if known is None:
        evses = (*others, evse)
    else:
        evses = tuple(evse if same(other.uid, evse.uid) else other for other in others)
    later = _later(location.last_updated, evse.last_updated, now)
    return msgspec.structs.replace(location, evses=evses, last_updated=later)


def with_connector(location: Location, evse: Evse, connector: Connector, now: datetime = EVER) -> Location:
    """The location with this connector at one of its EVSEs; unchanged where it knows better already (R-34)."""
    others = evse.connectors
    known = find_connector(evse, connector.id)
    if known is not None and is_older(connector.last_updated, known.last_updated, now):
        return location
    if known is None:
        connectors = (*others, connector)
    else:
        connectors = tuple(connector if same(other.id, connector.id) else other for other in others)
    later = _later(evse.last_updated, connector.last_updated, now)
    return with_evse(location, msgspec.structs.replace(evse, connectors=connectors, last_updated=later), now)


def patched_location(words: Language, location: Location, patch: Object, now: datetime = EVER) -> Location:
    """The location with the patch's fields; unchanged where it knows better already (R-34).

    Raises:
        Mismatch: the patch has no last_updated, or a field that does not fit.
    """
    if is_older(patch_time(patch), location.last_updated, now):
        return location
    return words.location.patched(location, patch, location.party)


def patched_evse(
    words: Language, location: Location, evse: Evse, patch: Object, now: datetime = EVER
) -> Location:
    """The same for one EVSE of the location."""
    if is_older(patch_time(patch), evse.last_updated, now):
        return location
    return with_evse(location, words.evse.patched(evse, patch), now)


def patched_connector(
    words: Language,
    location: Location,
    evse: Evse,
    connector: Connector,
    patch: Object,
    now: datetime = EVER,
) -> Location:
    """The same for one connector of an EVSE."""
    if is_older(patch_time(patch), connector.last_updated, now):
        return location
    return with_connector(location, evse, words.connector.patched(connector, patch), now)


def _later(above: datetime, below: datetime, now: datetime) -> datetime:
    """The date of what is above something that changed (R-35)."""
    return above if is_older(below, above, now) else below
