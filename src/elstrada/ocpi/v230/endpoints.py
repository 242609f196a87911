"""The table of OCPI 2.3.0's endpoints: those of 2.2.1, with its own objects."""

from __future__ import annotations

import msgspec

from elstrada.ocpi.endpoints import Endpoint, Table
from elstrada.ocpi.v221 import cdrs, credentials, locations, sessions, tariffs
from elstrada.ocpi.v221.endpoints import ENDPOINTS as V221
from elstrada.ocpi.v230.cdrs import Cdr
from elstrada.ocpi.v230.credentials import Credentials
from elstrada.ocpi.v230.locations import Connector, Evse, Location
from elstrada.ocpi.v230.sessions import Session
from elstrada.ocpi.v230.tariffs import Tariff

_OWN: dict[type[msgspec.Struct] | None, type[msgspec.Struct]] = {
    credentials.Credentials: Credentials,
    locations.Location: Location,
    locations.Evse: Evse,
    locations.Connector: Connector,
    tariffs.Tariff: Tariff,
    sessions.Session: Session,
    cdrs.Cdr: Cdr,
}


def _of_this_version(endpoint: Endpoint) -> Endpoint:
    return msgspec.structs.replace(
        endpoint,
        body=_OWN.get(endpoint.body, endpoint.body),
        data=_OWN.get(endpoint.data, endpoint.data),
    )


ENDPOINTS: Table = tuple(_of_this_version(endpoint) for endpoint in V221)
