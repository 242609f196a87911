"""A location with one of its EVSEs or connectors put or patched: what happens below raises what is above.

Source: OCPI 2.2.1 mod_locations, receiver PUT and PATCH; R-33, R-34, R-35, R-38.
"""

from __future__ import annotations

import msgspec

from elstrada.model.location import Connector, Evse, Location
from elstrada.ocpi.body import Object
from elstrada.ocpi.language import Language
from elstrada.ocpi.patch import patch_time
from elstrada.ocpi.scalars import same


def find_evse(location: Location, evse_uid: str) -> Evse | None:
    return next((evse for evse in location.evses if same(evse.uid, evse_uid)), None)


def find_connector(evse: Evse, connector_id: str) -> Connector | None:
    return next((connector for connector in evse.connectors if same(connector.id, connector_id)), None)


def with_evse(location: Location, evse: Evse) -> Location:
    """The location with this EVSE in the place of the one of its uid, or added at the end.

    Unchanged where it knows better already (R-34).
    """
    others = location.evses
    known = find_evse(location, evse.uid)
    if known is not None and evse.last_updated < known.last_updated:
        return location
    if known is None:
        evses = (*others, evse)
    else:
        evses = tuple(evse if same(other.uid, evse.uid) else other for other in others)
    return msgspec.structs.replace(
        location, evses=evses, last_updated=max(location.last_updated, evse.last_updated)
    )


def with_connector(location: Location, evse: Evse, connector: Connector) -> Location:
    """The location with this connector at one of its EVSEs; unchanged where it knows better already (R-34)."""
    others = evse.connectors
    known = find_connector(evse, connector.id)
    if known is not None and connector.last_updated < known.last_updated:
        return location
    if known is None:
        connectors = (*others, connector)
    else:
        connectors = tuple(connector if same(other.id, connector.id) else other for other in others)
    later = max(evse.last_updated, connector.last_updated)
    return with_evse(location, msgspec.structs.replace(evse, connectors=connectors, last_updated=later))


def patched_location(words: Language, location: Location, patch: Object) -> Location:
    """The location with the patch's fields; unchanged where it knows better already (R-34).

    Raises:
        Mismatch: the patch has no last_updated, or a field that does not fit.
    """
    if patch_time(patch) < location.last_updated:
        return location
    return words.location.patched(location, patch, location.party)


def patched_evse(words: Language, location: Location, evse: Evse, patch: Object) -> Location:
    """The same for one EVSE of the location."""
    if patch_time(patch) < evse.last_updated:
        return location
    return with_evse(location, words.evse.patched(evse, patch))


def patched_connector(
    words: Language, location: Location, evse: Evse, connector: Connector, patch: Object
) -> Location:
    """The same for one connector of an EVSE."""
    if patch_time(patch) < connector.last_updated:
        return location
    return with_connector(location, evse, words.connector.patched(connector, patch))
